"""The recovery's settings, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

from site_service.environment import seconds, whole_number
from site_service.rest import RestEnv, read_rest_env


@dataclass(frozen=True)
class Patience:
    """How long something may be silent before it counts as dead.

    A run is given `beats` times the seconds between two heartbeats that its pool asks for, `beats_alone` times where
    its worker is gone. A worker is given two of its own reports and `worker`. A run in Pending that no worker has named
    as its own is given `unnamed`; one that a worker has, `start`, also where that worker is gone: its container may be
    on the way. Missing heartbeats mean nothing if the recovery's own pulse does not come back within `pulse`. A run
    that crashed twice waits `pause` before its next start, and six times as long after each further crash.
    """

    beats: float = 2.5
    beats_alone: float = 2.0
    worker: timedelta = timedelta(seconds=30)
    start: timedelta = timedelta(seconds=60)
    unnamed: timedelta = timedelta(seconds=90)
    pulse: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=30)

    def times(self, factor: float) -> Patience:
        """So many times as patient."""
        return Patience(**{one.name: getattr(self, one.name) * factor for one in fields(self)})


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
        patience=Patience().times(whole_number(environ, "RECOVERY_PATIENCE", 100, "whole percentage") / 100),
        health_file=Path(environ.get("RECOVERY_HEALTH_FILE", "/tmp/recovery.healthy")),  # noqa: S108
    )
