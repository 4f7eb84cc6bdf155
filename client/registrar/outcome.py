"""What became of one thing, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

MADE, LEFT, REMOVED = "made", "left", "removed"


class Outcome(NamedTuple):
    """A kind (`pool`), a name, and what happened to it."""

    kind: str
    name: str
    state: str


def changed(keys: Iterable[str]) -> str:
    """`changed: limit, description`, or `left` where no key differs."""
    return f"changed: {', '.join(keys)}" if (keys := list(keys)) else LEFT


def differences(wanted: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    """The part of `wanted` that is not so yet."""
    return {key: value for key, value in wanted.items() if present.get(key) != value}


def table(outcomes: list[Outcome]) -> str:
    """One line each, in columns, below a line of headings."""
    rows = [Outcome("KIND", "NAME", "STATE"), *outcomes]
    kind, name = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{row.kind:{kind}}  {row.name:{name}}  {row.state}" for row in rows)
