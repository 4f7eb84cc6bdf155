"""What the environment tells the recovery."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from service.environment import seconds, whole_number
from service.rest import RestEnv, read_rest_env


@dataclass(frozen=True)
class Patience:
    """How long nothing is heard before something is taken for dead.

    A run: `beats` times the seconds between two heartbeats that its pool asks for. A worker: two of its own heartbeats
    and `worker`. A run in Pending that no worker has named as its own: `unnamed`. A run that its worker has taken is
    given `start` to begin, also where that worker is gone: its container may be there. The recovery's own pulse comes
    back within `pulse`, or nobody can be heard. A run that crashed waits `pause` before it begins again, and six times
    as long after each further crash.
    """

    beats: float = 2.5
    worker: timedelta = timedelta(seconds=30)
    start: timedelta = timedelta(seconds=60)
    unnamed: timedelta = timedelta(seconds=90)
    pulse: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class RecoveryEnv:
    """Where the API is, and the recovery's own: MAX_CRASH_RETRIES; RECOVERY_INTERVAL in seconds; RECOVERY_PATIENCE, a
    percentage of Patience; RECOVERY_HEALTH_FILE."""

    rest: RestEnv
    max_crash_retries: int
    interval: timedelta
    patience: Patience
    health_file: Path


def read_recovery_env(environ: Mapping[str, str] = os.environ) -> RecoveryEnv:
    """The recovery's settings, with their defaults. Raises ServiceError naming the one that is wrong."""
    return RecoveryEnv(
        rest=read_rest_env(environ),
        max_crash_retries=whole_number(environ, "MAX_CRASH_RETRIES", 2),
        interval=seconds(environ, "RECOVERY_INTERVAL", 5),
        patience=scaled(Patience(), whole_number(environ, "RECOVERY_PATIENCE", 100, " of percent") / 100),
        health_file=Path(environ.get("RECOVERY_HEALTH_FILE", "/tmp/recovery.healthy")),  # noqa: S108
    )


def scaled(patience: Patience, factor: float) -> Patience:
    """So many times as patient."""
    return Patience(
        beats=patience.beats * factor,
        worker=patience.worker * factor,
        start=patience.start * factor,
        unnamed=patience.unnamed * factor,
        pulse=patience.pulse * factor,
        pause=patience.pause * factor,
    )
