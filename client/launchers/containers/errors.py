"""What an engine can refuse."""

from __future__ import annotations

from launchers.launching.errors import LaunchError


class EngineError(LaunchError):
    """The engine's refusal of one call. `status` is the HTTP status; 0 where no engine answered."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
