"""The nearest known word for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

FEW = 12  # so many are listed even if one is near


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'? (known: x, y)`, without the list if it is long, and without the guess if none is near."""
    choices = sorted(set(known))
    close = difflib.get_close_matches(word, choices, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return guess if close and len(choices) > FEW else f"{guess} (known: {', '.join(choices) or 'none'})"
