"""What a user has to correct."""

from __future__ import annotations

from collections.abc import Iterable


class RegistrarError(Exception):
    """One or more lines, each saying where something is wrong and what to write instead."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def raise_all(lines: Iterable[str]) -> None:
    """Raise one error with all these lines, if there are any."""
    if found := list(dict.fromkeys(lines)):
        raise RegistrarError(*found)
