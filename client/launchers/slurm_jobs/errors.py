"""What a cluster can answer instead of what was asked for."""

from __future__ import annotations

import re

from launchers.launching.errors import LaunchError

_PREFIX = re.compile(r"^sbatch: (error|fatal): ")
_REMEDIES = (
    ("invalid partition", "correct partitions; sinfo lists those there are"),
    ("reservation is invalid", "correct reservations; scontrol show reservation lists those there are"),
    ("time limit is invalid", "lower max_time, or take another partition"),
    ("node configuration is not available", "ask for less memory, cpus, gpus or num_nodes, or another partition"),
)


class ClusterError(LaunchError):
    """A command that failed on the login node. `away` is true where the node, or Slurm on it, did not answer."""

    def __init__(self, words: str, away: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.away = away


def refusal(words: str) -> str:
    """What sbatch said when it took no job, in one line, with what to do about it where that is known."""
    said = "; ".join(_PREFIX.sub("", line) for line in words.splitlines())
    remedy = next((f": {remedy}" for pattern, remedy in _REMEDIES if pattern in said), "")
    return f"{said}{remedy}"
