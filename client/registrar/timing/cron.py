"""Cron expressions. Prefect's have the second last, others have it first."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from registrar.timing.errors import MeaningError

RULE = "a cron expression is minute, hour, day of month, month, day of week, and optionally seconds"
WITH_SECOND, WITH_YEAR = 6, 7  # fields of an expression that has them
EPOCH, YEARS = datetime(1970, 1, 1), 130  # start of the search for a first time, and the years that cron knows
MAX_STEP_OF_DAYS = 6  # a larger step is one of seconds
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # Quartz counts them from 1


@cache
def library() -> Any:
    """croniter: render has it as a package, containers as Prefect's own copy."""
    try:
        import croniter as found
    except ModuleNotFoundError:
        from prefect._vendor import croniter as found  # type: ignore[no-redef]
    return found


def read(text: str) -> str:
    """The expression as it is meant, or ValueError with the rule that it breaks."""
    if _is_over(text):
        raise ValueError("its year is over")
    text = _as_meant(text)
    if not is_valid(text):
        raise ValueError(RULE)
    if any(part.lower() in ("r", "h") for part in text.split()):
        raise ValueError("Prefect does not support random (R) or hashed (H) times")
    try:
        _first(text, EPOCH)
    except library().CroniterBadDateError:
        raise ValueError("this day never comes") from None
    return text


def _is_over(text: str) -> bool:
    """Whether its seventh field, the year, is over: Prefect would fail each time it looks for the next run."""
    if len(text.split()) < WITH_YEAR or not is_valid(text):
        return False
    try:
        _first(text, datetime.now())
    except library().CroniterBadDateError:
        return True
    return False


def _first(text: str, start: datetime) -> None:
    library().croniter(text, start, max_years_between_matches=YEARS).get_next()


def is_valid(text: str) -> bool:
    return bool(library().croniter.is_valid(text))


def _as_meant(text: str) -> str:
    """Of six fields, the second is the last for Prefect and the first for Quartz, Spring and others.

    If only one reading makes sense, it is taken; between two, the user has to choose.
    """
    parts = text.split()
    if len(parts) not in (WITH_SECOND, WITH_YEAR):
        return text
    moved = _second_last(parts)
    if parts[0] == "*" or " ".join(moved) == " ".join(parts):  # a run in every second is not meant
        return text
    last_is_second = is_valid(text)
    if last_is_second and not _may_be_day(parts[5]):
        return text
    if not is_valid(" ".join(moved)):
        return text
    if not last_is_second and not re.search(r"[0-9]", parts[5]):
        return _short(moved)
    if parts[5] == "*":
        more = ", and this starts 60 runs in a row"
        otherwise = " ".join([*parts[:5], "0-59", *parts[6:]])
    else:
        more = ""
        otherwise = " ".join([*parts[:5], re.sub(r"\b([0-9])\b", r"0\1", parts[5]), *parts[6:]])
    also = f', or "{otherwise}" if the last is' if last_is_second else ""
    raise MeaningError(
        f"Prefect takes the sixth field as the second{more}; "
        f'write "{_short(moved)}" if the first field is your second{also}'
    )


def _second_last(parts: list[str]) -> list[str]:
    """Fields with the second first, in Prefect's order and words."""
    if "?" in parts:  # Quartz: `?` is any, and days of the week begin with 1 for Sunday
        day = re.sub(r"(?<![#0-9])([1-7])(?![0-9])", lambda found: DAYS[int(found[1]) - 1], parts[5])
        parts = [part.replace("?", "*") for part in [*parts[:5], day, *parts[6:]]]
    return [*parts[1:6], parts[0], *parts[6:]]


def _short(parts: list[str]) -> str:
    """Without the second, where that is 0."""
    return " ".join(parts[:5] if len(parts) == WITH_SECOND and not parts[5].strip("0") else parts)


def _may_be_day(field: str) -> bool:
    """Whether a last field could be a day of the week. Numbers of two digits are seconds: a way to say so."""
    step = re.fullmatch(r"\*/([0-9]+)", field)
    if step:
        return int(step[1]) <= MAX_STEP_OF_DAYS
    return not re.search(r"[0-9]{2}", field) and is_valid(f"0 0 * * {field}")


def is_every_hour(text: str) -> bool:
    """Whether it runs in every hour of every day, so that it depends on no time zone but for its minutes."""
    parts = ["0", "*", "*", "*", "*"] if text.strip() == "@hourly" else text.split()
    return len(parts) in (5, WITH_SECOND) and parts[1:5] == ["*"] * 4


def between(text: str, start: datetime, end: datetime, day_or: bool) -> list[datetime]:
    """Its times from `start` to before `end`, all without a zone."""
    source = library().croniter(text, start - timedelta(seconds=1), day_or=day_or, max_years_between_matches=YEARS)
    found: list[datetime] = []
    try:
        while (time := source.get_next(datetime)) < end:
            found.append(time)
    except library().CroniterBadDateError:  # its year is over by then
        pass
    return found
