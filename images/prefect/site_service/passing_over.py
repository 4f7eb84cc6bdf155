"""One thing of the API, an engine or the disk that is not as it should be is named and passed over: the pass goes on.

The API takes more than Prefect's own programs write, labels are anybody's, and files have odd names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

# What reading something raises that has another form than expected.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
LONGEST = 200  # characters of a bad thing that a log needs
MOST_LINES = 1000

_said: set[str] = set()


def each(
    things: Iterable[object], read: Callable[[object], Result], kind: str, log: logging.Logger
) -> Iterator[Result]:
    """What can be read of all of them."""
    for thing in things:
        try:
            result = read(thing)
        except UNREADABLE as error:
            name_bad_one(f"{kind} {_name(thing)}", error, log)
        else:
            yield result


@contextmanager
def passing_over(what: str, log: logging.Logger, *also: type[Exception]) -> Iterator[None]:
    """The block is about one thing, and ends where that is not as it should be."""
    bad: tuple[type[Exception], ...] = (*UNREADABLE, *also)
    try:
        yield
    except bad as error:
        name_bad_one(what, error, log)


def name_bad_one(what: str, error: Exception, log: logging.Logger) -> None:
    """Once: the next pass, seconds later, meets it again."""
    line = f"passed over {what}, which is not as it should be: {type(error).__name__}: {error}"[: 2 * LONGEST]
    if line in _said:
        return
    if len(_said) >= MOST_LINES:
        _said.clear()
    _said.add(line)
    log.warning("%s", line)


def _name(thing: object) -> str:
    name = (thing.get("name") or thing.get("id") or thing.get("Id")) if isinstance(thing, dict) else None
    return (str(name) if name else repr(thing))[:LONGEST]
