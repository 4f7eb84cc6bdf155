"""A schedule as it is meant, in words that Prefect reads in the same way, and warnings of what cannot be said to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from registrar.timing import cron, interval, rule, zone
from registrar.timing.errors import MeaningError
from registrar.timing.zone import Change

Between = Callable[[datetime, datetime], list[datetime]]
Line = tuple[str, str]  # a field, and a text about it


def of(entry: dict[str, Any]) -> tuple[dict[str, Any], list[Line]]:
    """The schedule in Prefect's words, and its faults; the same on every day.

    `entry` has cron, interval (seconds) or rrule, each of which is valid by itself, and what goes with it.
    """
    meant = dict(entry)
    for kind, understand in (("cron", _cron), ("interval", _interval), ("rrule", _rule)):
        if meant.get(kind) is not None:
            try:
                understand(meant, meant.get("timezone") or "UTC")
            except MeaningError as error:
                return meant, [("anchor_date" if kind == "interval" else kind, str(error))]
    return meant, []


def _cron(entry: dict[str, Any], name: str) -> None:
    if zone.changes_clocks(name) and cron.is_every_hour(entry["cron"]) and zone.keeps_minutes(name):
        entry["timezone"] = "UTC"  # the same times, but the hour that comes twice has its runs twice


def _interval(entry: dict[str, Any], name: str) -> None:
    if zone.is_utc(name):
        return
    if entry.get("anchor_date"):
        entry["anchor_date"] = interval.with_offset(entry["anchor_date"], name)
    if zone.changes_clocks(name) and not interval.is_of_days(timedelta(seconds=entry["interval"])):
        entry["timezone"] = (
            "UTC"  # time that passes has no zone; with one, Prefect leaves out the hour that comes twice
        )


def _rule(entry: dict[str, Any], name: str) -> None:
    text = entry["rrule"]
    entry["rrule"], found = rule.in_zone(text, entry.get("timezone"), zone.names() if "TZID" in text.upper() else [])
    if found:
        entry["timezone"] = name = found
    if rule.says_utc(text) and not zone.is_utc(name):
        raise MeaningError(f"Prefect reads times that end in Z in {name} too; write them in {name}, without Z")
    if zone.changes_clocks(name) and rule.is_every_hour(entry["rrule"]) and zone.keeps_minutes(name):
        entry["timezone"] = "UTC"


def warnings(entry: dict[str, Any], now: datetime | None = None) -> Iterator[Line]:
    """What Prefect will do otherwise within a year, of a schedule in its words."""
    now, name = now or datetime.now(UTC), entry.get("timezone") or "UTC"
    if entry.get("rrule") is not None:
        text, here = entry["rrule"], now.astimezone(ZoneInfo(name)).replace(tzinfo=None)
        if ended := rule.over(text, here):
            yield "rrule", ended
            return
    changes = zone.next_changes(name, now) if zone.changes_clocks(name) else []
    if entry.get("rrule") is not None:
        nights = _nights(changes, name, lambda start, end: rule.between(text, start, end), -1)
        yield from (("rrule", night) for night in nights)
    elif entry.get("cron") is not None:
        day_or = entry.get("day_or", True)
        nights = _nights(changes, name, lambda start, end: cron.between(entry["cron"], start, end, day_or), 1)
        yield from (("cron", night) for night in nights)
    elif entry.get("anchor_date") and zone.changes_clocks(name):
        yield from (("anchor_date", night) for night in _days(name, entry, now))


def _days(name: str, entry: dict[str, Any], now: datetime) -> Iterator[str]:
    """The night from which an interval of whole days is late for good: one since its anchor, or of the coming year."""
    length, anchor = timedelta(seconds=entry["interval"]), datetime.fromisoformat(entry["anchor_date"])
    for change in zone.changes(name, min(now, anchor), now + zone.YEAR):
        low, high = change.wall
        if change.is_gap and (skipped := interval.between(length, entry["anchor_date"], name, low, high)):
            yield (
                f"clocks in {name} leave out {skipped[0]:%H:%M} on {skipped[0]:%Y-%m-%d}: from then on it runs at "
                f"{skipped[0] + change.span:%H:%M}; write a time before {low:%H:%M} or from {high:%H:%M} on, or a cron"
            )
            return


def _nights(changes: list[Change], name: str, between: Between, sign: int) -> Iterator[str]:
    """The first night of each kind on which it does not run as it says.

    In the hour that clocks leave out, a cron runs by the old clock, which is later (1); a rule by the new one, which is
    earlier (-1).
    """
    seen: set[bool] = set()
    for change in changes:
        if change.is_gap not in seen:
            found = _in_gap(change, name, between, sign) if change.is_gap else _in_fold(change, name, between)
            if found:
                seen.add(change.is_gap)
                yield found


def _in_gap(change: Change, name: str, between: Between, sign: int) -> str | None:
    low, high = change.wall
    move = change.span * sign
    alone = sorted({time + move for time in between(low, high)} - set(between(low + move, high + move)))
    if not alone:
        return None
    return (
        f"clocks in {name} leave out {alone[0] - move:%H:%M} on {low:%Y-%m-%d}: that day it runs at "
        f"{alone[0]:%H:%M}; write a time before {low:%H:%M} or from {high:%H:%M} on"
    )


def _in_fold(change: Change, name: str, between: Between) -> str | None:
    """Of those that run in each hour of the night; one that runs once in it runs once, as it says."""
    low, high = change.wall
    if not all((between(low - change.span, low), between(low, high), between(high, high + change.span))):
        return None
    return (
        f"clocks in {name} go back on {low:%Y-%m-%d}: it has no run in the second {low:%H:%M} to {high:%H:%M}; "
        f"write interval, or timezone: UTC with the times in UTC"
    )
