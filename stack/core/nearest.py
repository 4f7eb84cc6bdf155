"""The known word that a mistyped one most likely means, and the advice made of it."""

import difflib
from collections.abc import Collection, Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that this one equals, is the beginning of, or resembles; None if none is close.

    Upper and lower case are the same.
    """
    names = {name.lower(): name for name in known}
    typed = word.lower()
    if typed in names:
        return names[typed]
    begun = [name for name in names if typed and name.startswith(typed)]
    found = begun if len(begun) == 1 else difflib.get_close_matches(typed, names, n=1)
    return names[found[0]] if found else None


def advice(word: str, known: Collection[str], otherwise: str | None = None) -> str:
    """`did you mean X?`; if no known word is close, `otherwise`, which by default lists the known words."""
    if close := nearest(word, known):
        return f"did you mean {close}?"
    return _choice(list(known)) if otherwise is None else otherwise


def _choice(known: list[str]) -> str:
    return f"choose {' or '.join(filter(None, (', '.join(known[:-1]), known[-1])))}" if known else "there are none"
