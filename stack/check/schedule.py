"""One schedule of schedules.yml: when a deployment runs by itself, and with which parameters.

It is checked as Prefect's server will check it, so that what is rendered can be registered. The packages that this
takes are slow to import: each is imported where a schedule needs it.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stack.core.nearest import advice

KINDS = ("cron", "interval", "rrule")
GOES_WITH = {"day_or": "cron", "anchor_date": "interval"}
MAX_RRULE = 6500  # characters; prefect._internal.schemas.validators.MAX_RRULE_LENGTH
MAX_INTERVAL = timedelta(days=36525).total_seconds()
MAX_SHOWN = 100  # characters; a fault is one line and does not repeat a longer value
SECONDS_AND_YEAR = 7  # fields of a cron expression that has both
PREFECTS_START = datetime(2020, 1, 1)  # of a rule without DTSTART; prefect.server.schemas.schedules
MAX_STEPS = 300_000
EPOCH, YEARS = datetime(1970, 1, 1), 130  # start of the search for a first time, and the years that cron knows

_RRULE_INTERVAL = re.compile(r"INTERVAL=([+-]?[0-9]+)", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ](?!24))")


@dataclass(frozen=True)
class Field:
    """A key of a schedule, with an example.

    `read` gives the value as deployment files have it, or raises ValueError with the rule that it breaks.
    """

    read: Callable[[Any], Any]
    example: str


def examine(entry: object) -> tuple[dict[str, Any], list[str]]:
    """The schedule as deployment files have it, and what is wrong: lines that begin with `: ` or `.FIELD: `."""
    if not isinstance(entry, dict):
        return {}, [f": this must be a schedule; write for example {{{FIELDS['cron'].example}}}"]
    faults = list(_of_keys(entry))
    read: dict[str, Any] = {}
    for name in (name for name in FIELDS if name in entry):
        try:
            read[name] = FIELDS[name].read(entry[name])
        except ValueError as error:
            faults.append(f".{name}: {_shown(entry[name])}{error}; write for example {FIELDS[name].example}")
    return _for_deployment_file(read), faults


def _of_keys(entry: dict[Any, Any]) -> Iterator[str]:
    given = [kind for kind in KINDS if kind in entry]
    if len(given) != 1:
        said = " and ".join(given) or "none of the three kinds"
        yield f": has {said}; write exactly one of {', '.join(KINDS)}, for example {FIELDS['cron'].example}"
    for name in (name for name in entry if name not in FIELDS):
        yield f".{name}: there is no such field; {advice(str(name), FIELDS)}"
    for name, kind in GOES_WITH.items():
        if name in entry and given and kind not in given:
            yield f".{name}: works only with {kind}; remove it from a schedule with {given[0]}"


def _for_deployment_file(read: dict[str, Any]) -> dict[str, Any]:
    """In Prefect's words, which say `active` for what is not paused."""
    written = {name: read[name] for name in FIELDS if name in read and name != "paused"}
    return written | ({"active": not read["paused"]} if "paused" in read else {})


def _shown(value: object) -> str:
    """The value, if it is short; parameters may be private and are not shown."""
    if isinstance(value, dict | list) or value is None or len(str(value)) > MAX_SHOWN:
        return ""
    return f"{value!r}: "


def _text(value: object, rule: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(rule)
    return value


def _cron(value: object) -> str:
    rule = "a cron expression is minute, hour, day of month, month, day of week, and optionally seconds"
    text = _text(value, rule)
    from croniter import CroniterBadDateError, croniter

    if not croniter.is_valid(text):
        raise ValueError(rule)
    if any(part.lower() in ("r", "h") for part in text.split()):
        raise ValueError("Prefect does not support random (R) or hashed (H) times")
    # A seventh field is the year, which may be over: then Prefect fails each time it looks for the next run.
    has_year = len(text.split()) >= SECONDS_AND_YEAR
    try:
        croniter(text, datetime.now() if has_year else EPOCH, max_years_between_matches=YEARS).get_next()
    except CroniterBadDateError:
        raise ValueError("its year is over" if has_year else "this day never comes") from None
    return text


def _interval(value: object) -> int | float:
    """Seconds, as deployment files have them; also from an ISO 8601 duration."""
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError("an interval is a number of seconds, or an ISO 8601 duration such as PT1H30M")
    if not 1 <= seconds <= MAX_INTERVAL:
        raise ValueError("an interval lasts from 1 second to 100 years")
    return int(seconds) if seconds == int(seconds) else seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return min(value, 2 * MAX_INTERVAL)  # a number may be too long to be a float
    if not isinstance(value, str) or not re.fullmatch(r"P[0-9A-Z.]+", value):
        return None
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(timedelta).validate_python(value).total_seconds()
    except ValidationError:
        return None


def _rrule(value: object) -> str:
    rule = "this is not a recurrence rule of iCalendar (RFC 5545)"
    text = _text(value, rule)
    if len(text) > MAX_RRULE:
        raise ValueError(f"Prefect allows at most {MAX_RRULE} characters, this has {len(text)}")
    if any(int(number) < 1 for number in _RRULE_INTERVAL.findall(text)):
        raise ValueError("INTERVAL must be 1 or more: Prefect would search for the next time for ever")
    from dateutil.rrule import rrulestr

    try:
        # As Prefect does before each run: from a time without a zone, which it gives the schedule's zone afterwards.
        read = rrulestr(text, dtstart=PREFECTS_START)
    except (ValueError, TypeError, AttributeError, LookupError) as error:  # all of which it raises on bad text
        if str(error).startswith("RRULE UNTIL"):
            reason = "UNTIL is in the schedule's time zone, without Z; with DTSTART, both or neither end in Z"
            raise ValueError(reason) from None
        known = str(error).startswith("invalid '")  # names the part; its other messages are for programmers
        raise ValueError(f"{rule}: {error}" if known else rule) from None
    if any(_steps(each) > MAX_STEPS for each in getattr(read, "_rrule", [read])):
        raise ValueError(
            "Prefect goes through all times since DTSTART (or 2020-01-01), and these are too many: use interval"
        )
    return text


def _steps(rule: Any) -> float:
    """How many times Prefect's scheduler steps through before it reaches today: a million block all services for ten
    seconds, each time it looks for new runs. If hours are given, it skips single steps."""
    seconds = {"SECONDLY": 1, "MINUTELY": 60}.get(_frequency(rule), 0)
    if not seconds or (seconds > 1 and rule._original_rule.get("byhour")):
        return 0
    since: timedelta = datetime.now() - rule._dtstart.replace(tzinfo=None)
    return since.total_seconds() / (seconds * int(rule._interval))


def _frequency(rule: Any) -> str:
    from dateutil.rrule import FREQNAMES

    return str(FREQNAMES[rule._freq])


def _timezone(value: object) -> str:
    name = _text(value, "this is not a time zone")
    known = _timezones()
    if name in known:
        return name
    # The short names are left out: EST in place of CEST would be six hours late.
    close = advice(name, [zone for zone in known if "/" in zone], otherwise="")
    raise ValueError("there is no such time zone" + (f", {close}" if close else ""))


def _timezones() -> list[str]:
    """The names of the IANA database; not those of this machine, on which the schedule may never run."""
    from importlib.resources import files

    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return [name for name in names if name != "Factory"]  # the zone of a machine that is not set up yet


def _anchor_date(value: object) -> str:
    rule = "a date and time is written in ISO 8601, such as 2026-01-01T06:00:00"
    text = _text(value, rule)
    if not _DATE.match(text):  # Python reads 20260101 as a date, and Prefect as seconds since 1970
        raise ValueError(rule)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(rule) from None
    return text


def _parameters(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError("parameters are a mapping of the flow's parameters to values")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("a parameter must fit into JSON: text, number, true, false, null, list or mapping") from None
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("this must be true or false")
    return value


def _slug(value: object) -> str:
    return _text(value, "a slug is text: a name for this schedule that stays when its times change")


FIELDS = {
    "cron": Field(_cron, 'cron: "0 6 * * 1-5"'),
    "day_or": Field(_switch, "day_or: false"),
    "interval": Field(_interval, "interval: 3600"),
    "anchor_date": Field(_anchor_date, 'anchor_date: "2026-01-01T06:00:00+01:00"'),
    "rrule": Field(_rrule, 'rrule: "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=18;BYMINUTE=0;BYSECOND=0"'),
    "timezone": Field(_timezone, "timezone: Europe/Berlin"),
    "parameters": Field(_parameters, "parameters: {months: [1, 2]}"),
    "paused": Field(_switch, "paused: true"),
    "slug": Field(_slug, "slug: daily"),
}
