"""What a launch can end in, told in one line that says what to mend."""

from __future__ import annotations


class LaunchError(Exception):
    """A launch that failed; its text is the message of the flow run's Failed state."""


class EngineError(LaunchError):
    """The engine's refusal of one call. `status` is the HTTP status; 0 where no engine answered."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
