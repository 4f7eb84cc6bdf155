"""The nearest known word for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where one is near, and then what there is."""
    choices = sorted(set(known))
    close = difflib.get_close_matches(word, choices, n=1)
    near = f"; did you mean {close[0]!r}?" if close else ""
    return f"{near} (known: {', '.join(choices) or 'none'})"
