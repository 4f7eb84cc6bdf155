"""Intervals: an anchor is meant in the schedule's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from registrar.timing.errors import MeaningError

DAY = timedelta(days=1)
RULE = "a date and time is written in ISO 8601, such as 2026-01-01T06:00:00"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ](?!24))")


def read_anchor(text: str) -> str:
    """The anchor, or ValueError."""
    if not _DATE.match(text):  # Python reads 20260101 as a date, and Prefect as seconds since 1970
        raise ValueError(RULE)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(RULE) from None
    return text


def with_offset(text: str, zone: str) -> str:
    """The anchor with the zone's offset at that time: Prefect takes one without an offset as UTC."""
    anchor = datetime.fromisoformat(text)
    if anchor.tzinfo:
        return text
    here = anchor.replace(tzinfo=ZoneInfo(zone))
    real = here.astimezone(UTC).astimezone(ZoneInfo(zone))
    if real.replace(tzinfo=None) != anchor:
        raise MeaningError(f"clocks in {zone} leave this time out; write {real.replace(tzinfo=None).isoformat()}")
    return here.isoformat()


def is_of_days(interval: timedelta) -> bool:
    """Whether Prefect keeps its time of day when clocks change."""
    return not interval % DAY


def between(interval: timedelta, anchor: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """The times of an interval of whole days by its anchor's clock, without a zone."""
    first = datetime.fromisoformat(anchor)
    first = first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if first.tzinfo else first
    time = first + -((first - start) // interval) * interval
    return [time] if start <= time < end and time >= first else []
