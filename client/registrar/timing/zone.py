"""Time zones, and the nights on which their clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

YEARS_KNOWN = (2020, 2038)  # in which a zone's changes count; fixed, so that a render does not depend on its date
YEAR = timedelta(days=366)


@dataclass(frozen=True)
class Change:
    """A change of the clocks: its instant in UTC, and the zone's offsets before and after it."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def is_gap(self) -> bool:
        """Whether clocks go forward: the times between are left out. Otherwise they come twice."""
        return self.after > self.before

    @property
    def wall(self) -> tuple[datetime, datetime]:
        """The first of the times that are left out or come twice, and the end of them, without a zone."""
        at = self.at.replace(tzinfo=None)
        low, high = sorted((at + self.before, at + self.after))
        return low, high

    @property
    def span(self) -> timedelta:
        return abs(self.after - self.before)


def names() -> list[str]:
    """The names of the IANA database; not those of this machine, on which the schedule may never run."""
    from importlib.resources import files

    known = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return [name for name in known if name != "Factory"]  # the zone of a machine that is not set up yet


def changes(zone: str, start: datetime, end: datetime) -> Iterator[Change]:
    """The changes of a zone's clocks after `start` and up to `end`, both with an offset."""
    info, step = ZoneInfo(zone), timedelta(days=7)  # of Ramadan, Morocco has two changes within about five weeks
    low = start.astimezone(UTC)
    while low < end:
        high = min(low + step, end.astimezone(UTC))
        if _offset(info, low) != _offset(info, high):
            yield _between(info, low, high)
        low = high


def _between(info: ZoneInfo, low: datetime, high: datetime) -> Change:
    """The one change between two instants, to the second."""
    before, after = _offset(info, low), _offset(info, high)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle <= low:
            break
        low, high = (middle, high) if _offset(info, middle) == before else (low, middle)
    return Change(high.replace(microsecond=0), before, after)


def _offset(info: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(info).utcoffset() or timedelta(0)


@cache
def offsets(zone: str) -> frozenset[timedelta]:
    """All offsets that the zone has in the years that count."""
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in YEARS_KNOWN)
    return frozenset({_offset(ZoneInfo(zone), first)} | {change.after for change in changes(zone, first, last)})


def changes_clocks(zone: str) -> bool:
    return len(offsets(zone)) > 1


def is_utc(zone: str | None) -> bool:
    return zone is None or offsets(zone) == {timedelta(0)}


def keeps_minutes(zone: str) -> bool:
    """Whether the minute is the same here and in UTC all year."""
    return not any(offset % timedelta(hours=1) for offset in offsets(zone))


def next_changes(zone: str, now: datetime) -> list[Change]:
    """Those of the coming year."""
    return list(changes(zone, now, now + YEAR))
