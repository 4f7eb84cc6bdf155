"""What a launch can end in, told in one line that says what to mend."""

from __future__ import annotations


class LaunchError(Exception):
    """A launch that failed; its text is the message of the flow run's Failed state."""
