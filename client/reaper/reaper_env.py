"""What the environment tells the reaper."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flows.containers.errors import LaunchError


@dataclass(frozen=True)
class ReaperEnv:
    """PREFECT_API_URL, PREFECT_API_AUTH_STRING and PREFECT_API_SSL_CERT_FILE as Prefect reads them, and the reaper's
    own: REAPER_INTERVAL and REAPER_GRACE in seconds, REAPER_HEALTH_FILE, whose age is that of the last good pass."""

    api_url: str
    api_login: str
    api_certificates: str
    interval: timedelta
    grace: timedelta
    health_file: Path


def read_reaper_env(environ: Mapping[str, str] = os.environ) -> ReaperEnv:
    """The reaper's settings, with their defaults. Raises LaunchError naming the one that is wrong."""
    if not environ.get("PREFECT_API_URL"):
        raise LaunchError("PREFECT_API_URL is not set: write the site's API, for example http://server:4200/api")
    return ReaperEnv(
        api_url=environ["PREFECT_API_URL"].rstrip("/"),
        api_login=environ.get("PREFECT_API_AUTH_STRING", ""),
        api_certificates=environ.get("PREFECT_API_SSL_CERT_FILE", ""),
        interval=_seconds(environ, "REAPER_INTERVAL", "30"),
        grace=_seconds(environ, "REAPER_GRACE", "60"),
        health_file=Path(environ.get("REAPER_HEALTH_FILE", "/tmp/reaper.healthy")),  # noqa: S108
    )


def _seconds(environ: Mapping[str, str], name: str, default: str) -> timedelta:
    text = environ.get(name) or default
    if not text.isdecimal():
        raise LaunchError(f"{name} {text!r} is no whole number of seconds: write for example {default}")
    return timedelta(seconds=int(text))
