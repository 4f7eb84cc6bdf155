"""One schedule of schedules.yml: when a deployment runs by itself, and with which parameters.

It is checked as Prefect's server will check it, so that what is rendered can be registered, by the code that checks
deployment files at registration: `registrar.timing`, in client/.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from registrar.timing import cron, interval, meaning, rule, zone
from registrar.timing.errors import MeaningError

from stack.core.nearest import advice

KINDS = ("cron", "interval", "rrule")
GOES_WITH = {"day_or": "cron", "anchor_date": "interval"}
MAX_INTERVAL = timedelta(days=36525).total_seconds()
MAX_SHOWN = 100  # characters; a fault is one line and does not repeat a longer value


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
        except MeaningError as error:
            faults.append(f".{name}: {_shown(entry[name])}{error}")
        except ValueError as error:
            faults.append(f".{name}: {_shown(entry[name])}{error}; write for example {FIELDS[name].example}")
    if faults:
        return _for_deployment_file(read), faults
    meant, wrong = meaning.of(read)
    return _for_deployment_file(meant), [f".{name}: {_shown(entry.get(name))}{text}" for name, text in wrong]


def warnings(read: dict[str, Any]) -> list[str]:
    """What a schedule without faults, as `examine` gives it, will do otherwise than it says."""
    if read.get("active") is False:
        return []
    return [f".{name}: {_shown(read[name])}{text}" for name, text in meaning.warnings(read)]


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
    return cron.read(_text(value, cron.RULE))


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
    return rule.read(_text(value, rule.RULE))


def _timezone(value: object) -> str:
    name = _text(value, "this is not a time zone")
    known = zone.names()
    if name in known:
        return name
    # The short names are left out: EST in place of CEST would be six hours late.
    close = advice(name, [each for each in known if "/" in each], otherwise="")
    raise ValueError("there is no such time zone" + (f", {close}" if close else ""))


def _anchor_date(value: object) -> str:
    return interval.read_anchor(_text(value, interval.RULE))


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
