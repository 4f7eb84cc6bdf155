"""What a user has to mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RegistrarError(Exception):
    """One or more lines, each saying where something is wrong and what to write instead."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def raise_all(lines: Iterable[str]) -> None:
    """Raise one error with all these lines, or nothing where there are none."""
    if found := list(dict.fromkeys(lines)):
        raise RegistrarError(*found)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a misspelt word, or the known words where none is near."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(choices) or 'none'}"
