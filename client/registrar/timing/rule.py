"""Recurrence rules of iCalendar (RFC 5545), read as Prefect reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from registrar.timing.errors import MeaningError

MAX_CHARACTERS = 6500  # prefect._internal.schemas.validators.MAX_RRULE_LENGTH
PREFECTS_START = datetime(2020, 1, 1)  # of a rule without DTSTART; prefect.server.schemas.schedules
MAX_STEPS = 600_000  # Prefect takes some ten seconds for a million, and all its services wait
OLD_STEPS = 100_000  # from which a start is renewed at registration
AGE, LONG_AGE = timedelta(days=365), timedelta(days=3650)  # that rules reach, with a start that is renewed and without
LONG_SEARCH = timedelta(days=400 * 366)  # in which a calendar repeats itself
SEARCH = timedelta(days=40 * 366)
RULE = "this is not a recurrence rule of iCalendar (RFC 5545)"
TOO_MANY = "Prefect goes through all times since its start, and these become too many: use interval"
FILTERS = ("bymonth", "bymonthday", "bynmonthday", "byyearday", "byweekno", "byeaster", "byweekday", "bynweekday")

_INTERVAL = re.compile(r"INTERVAL=([+-]?[0-9]+)", re.IGNORECASE)
_START = re.compile(r"DTSTART:([0-9]{8}T[0-9]{6})\n(?:RRULE:)?(.*)", re.IGNORECASE | re.DOTALL)
_ZONE = re.compile(r";TZID=([^:;]+)", re.IGNORECASE)
_UTC = re.compile(r"[0-9]T[0-9]{6}Z", re.IGNORECASE)


def read(text: str) -> str:
    """The rule, or ValueError with what is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"Prefect allows at most {MAX_CHARACTERS} characters, this has {len(text)}")
    if any(int(number) < 1 for number in _INTERVAL.findall(text)):
        raise ValueError("INTERVAL must be 1 or more: Prefect would search for the next time for ever")
    try:
        # As Prefect does before each run: from a time without a zone, which it gives the schedule's zone afterwards.
        found = parsed(text)
    except (ValueError, TypeError, AttributeError, LookupError) as error:  # all of which it raises on bad text
        if str(error).startswith("RRULE UNTIL"):
            reason = "UNTIL is in the schedule's time zone, without Z; with DTSTART, both or neither end in Z"
            raise ValueError(reason) from None
        known = str(error).startswith("invalid '")  # names the part; its other messages are for programmers
        raise ValueError(f"{RULE}: {error}" if known else RULE) from None
    rules = _rules(found)
    if any(_steps(each, can_be_renewed=each is found) > MAX_STEPS for each in rules):
        raise ValueError(TOO_MANY)
    if rules and not getattr(found, "_rdate", []) and not any(map(_ever, rules)):
        raise MeaningError("this day never comes, so it never runs; write days and months that go together")
    return text


def parsed(text: str) -> Any:
    """dateutil's rule or set of rules, without a zone."""
    from dateutil.rrule import rrulestr

    return rrulestr(text, dtstart=PREFECTS_START)


def _rules(found: Any) -> list[Any]:
    return list(getattr(found, "_rrule", [found]))


def _frequency(rule: Any) -> str:
    from dateutil.rrule import FREQNAMES

    return str(FREQNAMES[rule._freq])


def _period(rule: Any) -> timedelta | None:
    """The time between two steps of a rule of minutes or seconds."""
    seconds = {"SECONDLY": 1, "MINUTELY": 60}.get(_frequency(rule), 0)
    return timedelta(seconds=seconds * int(rule._interval)) if seconds else None


def _steps(rule: Any, can_be_renewed: bool) -> float:
    """How many times Prefect's scheduler will step through, each time it looks for new runs. It starts a single rule
    without DTSTART near the time of registration, and registration renews that; others begin where they say."""
    period = _period(rule)
    if period is None or (period >= timedelta(minutes=1) and rule._original_rule.get("byhour")):
        return 0  # with hours, minutes are skipped
    age = AGE if can_be_renewed and rule._count is None else LONG_AGE
    if rule._until:
        age = min(age, max(_naive(rule._until) - _naive(rule._dtstart), timedelta(0)))
    steps = age / period
    # COUNT ends a rule of minutes; one of seconds is too much all the same.
    return steps if rule._count is None or period < timedelta(minutes=1) else min(steps, rule._count)


def _naive(time: datetime) -> datetime:
    return time.replace(tzinfo=None)


def _ever(rule: Any) -> bool:
    """Whether any day fits the rule, apart from COUNT and UNTIL."""
    from dateutil.rrule import DAILY, MONTHLY

    start = _naive(rule._dtstart)
    if rule._freq <= DAILY:
        end = start + (LONG_SEARCH if rule._freq <= MONTHLY else SEARCH)
        tried = rule.replace(dtstart=start, until=min(end, datetime.max), count=None)
    else:  # its steps are too many: does any day fit its days and months?
        given = {name: value for name in FILTERS if (value := rule._original_rule.get(name))}
        tried = _of_days(start, given)
    return next(iter(tried), None) is not None


def _of_days(start: datetime, given: dict[str, Any]) -> Any:
    from dateutil.rrule import DAILY, rrule

    return rrule(DAILY, dtstart=start, until=start + SEARCH, **given)


def over(text: str, now: datetime) -> str | None:
    """Why a rule that has run has no time left; `now` is in its zone, and without it."""
    found = parsed(text)
    rules = _rules(found)
    if any(_naive(date) > now for date in getattr(found, "_rdate", [])) or not rules:
        return None
    reasons = [_over(rule, now, "DTSTART" in text.upper()) for rule in rules]
    return reasons[0] if all(reasons) else None


def _over(rule: Any, now: datetime, has_start: bool) -> str | None:
    if rule._until and _naive(rule._until) <= now:
        return f"UNTIL was {_naive(rule._until):%Y-%m-%d %H:%M}: it never runs again; write a later UNTIL"
    if rule._count is not None and not any(_naive(time) > now for time in rule):
        since = "DTSTART" if has_start else "2020-01-01, as there is no DTSTART"
        return f"COUNT={rule._count} is used up, counted from {since}: it never runs; write DTSTART:... before the rule"
    return None


def in_zone(text: str, zone: str | None, known: list[str]) -> tuple[str, str | None]:
    """Rule and time zone. Prefect ignores TZID, and reads times that end in Z in the zone of the schedule."""
    found = set(_ZONE.findall(text))
    if found and (len(found) > 1 or (zone and zone not in found)):
        raise MeaningError(
            f"Prefect ignores TZID={sorted(found)[0]} and reads all times in the schedule's time zone; "
            f"write them in one time zone, as timezone: {zone or sorted(found)[0]}, without TZID"
        )
    if found:
        (zone,) = found
        if zone not in known:
            raise MeaningError(f"there is no time zone {zone}; write timezone: Europe/Berlin instead of TZID")
    return _ZONE.sub("", text), zone


def says_utc(text: str) -> bool:
    """Whether it has times that end in Z."""
    return bool(_UTC.search(text))


def is_every_hour(text: str) -> bool:
    """Whether it runs in every hour of every day, at the same minutes, and has no start of its own."""
    found = parsed(text)
    if "DTSTART" in text.upper() or hasattr(found, "_rrule") or found._count is not None or found._until:
        return False
    if any(found._original_rule.get(name) for name in (*FILTERS, "byhour", "bysetpos")):
        return False
    seconds = {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3600}.get(_frequency(found), 0) * int(found._interval)
    return seconds > 0 and 3600 % seconds == 0


def between(text: str, start: datetime, end: datetime) -> list[datetime]:
    """Its times from `start` to before `end`, all without a zone."""
    return list(_until(parsed(with_recent_start(text, start)), start, end))


def _until(rule: Any, start: datetime, end: datetime) -> Iterator[datetime]:
    for time in rule:
        if _naive(time) >= end:
            return
        if _naive(time) >= start:
            yield _naive(time)


def with_recent_start(text: str, now: datetime) -> str:
    """A rule of minutes or seconds that starts shortly before `now` (in its zone, without it), with the same times
    from then on: Prefect's scheduler steps through all times since the start. Prefect does this for rules without
    DTSTART alone."""
    start, rest = _parts(text)
    period = _of_single(text)
    if period is None or now <= start:
        return text
    recent = start + (now - start) // period * period
    return f"DTSTART:{recent:%Y%m%dT%H%M%S}\n{rest}"


def same(wanted: str, present: str, now: datetime) -> bool:
    """Whether the server's rule has the times of this one, and a start that is not too old."""
    (start, rest), (has, its_rest) = _parts(wanted), _parts(present)
    if rest != its_rest:
        return False
    period = _of_single(present)
    if period is None:
        return start == has
    return not (start - has) % period and now - has <= period * OLD_STEPS


def _parts(text: str) -> tuple[datetime, str]:
    """The start of a rule, and the rule without it."""
    found = _START.fullmatch(text)
    return (datetime.strptime(found[1], "%Y%m%dT%H%M%S"), found[2]) if found else (PREFECTS_START, text)


def _of_single(text: str) -> timedelta | None:
    """The period of a single rule of minutes or seconds without COUNT."""
    found = parsed(text)
    return None if hasattr(found, "_rrule") or found._count is not None else _period(found)
