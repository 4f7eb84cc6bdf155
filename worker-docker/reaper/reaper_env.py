"""The reaper's settings, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from site_service.environment import seconds
from site_service.rest import RestEnv, read_rest_env


@dataclass(frozen=True)
class ReaperEnv:
    """Where the API is, and the reaper's own: REAPER_INTERVAL and REAPER_GRACE in seconds, REAPER_HEALTH_FILE."""

    rest: RestEnv
    interval: timedelta
    grace: timedelta
    health_file: Path


def read_reaper_env(environ: Mapping[str, str] = os.environ) -> ReaperEnv:
    """The reaper's settings, with their defaults. Raises ServiceError naming the one that is wrong."""
    return ReaperEnv(
        rest=read_rest_env(environ),
        interval=seconds(environ, "REAPER_INTERVAL", 30),
        grace=seconds(environ, "REAPER_GRACE", 60),
        health_file=Path(environ.get("REAPER_HEALTH_FILE", "/tmp/reaper.healthy")),  # noqa: S108
    )
