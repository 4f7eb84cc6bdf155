"""What a cluster can answer instead of what was asked for."""

from __future__ import annotations

from flows.launching.errors import LaunchError


class ClusterError(LaunchError):
    """A command that failed on the login node. `away` is true where the node, or Slurm on it, did not answer."""

    def __init__(self, words: str, away: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.away = away
