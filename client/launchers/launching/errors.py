"""How a launch can fail, in one line that says what to correct."""

from __future__ import annotations


class LaunchError(Exception):
    """A launch that failed; its text is the message of the flow run's Failed state."""
