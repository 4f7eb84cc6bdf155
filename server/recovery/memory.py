"""Tracks how long each value has been unchanged."""

from __future__ import annotations

from collections.abc import Collection, Hashable


class Memory:
    """For each thing the last value and when it was first seen, on one clock: other machines' clocks do not matter."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[object, float]] = {}

    def silence(self, thing: Hashable, value: object, now: float) -> float:
        """Seconds for which the thing has had this value, as far as was seen."""
        last, since = self._seen.get(thing, (None, now))
        if thing not in self._seen or last != value:
            since = now
            self._seen[thing] = (value, now)
        return now - since

    def keep(self, things: Collection[Hashable]) -> None:
        """Forgets all others."""
        self._seen = {thing: seen for thing, seen in self._seen.items() if thing in things}

    def forget(self) -> None:
        self._seen.clear()
