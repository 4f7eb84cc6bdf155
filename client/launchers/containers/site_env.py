"""The site's settings for launches, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launchers.containers.schema import Size
from launchers.launching.errors import LaunchError

LOG_DRIVER = "json-file"
LOG_OPTIONS = "max-size=10m,max-file=3"  # those of the site without settings


@dataclass(frozen=True)
class SiteEnv:
    """SITE, SITE_WORK_DIR, SITE_HOST_PATHS (colons between), SITE_LABELS (NAME=VALUE, commas between) and
    SITE_REGISTRY_BLOCK (name of a block of the type docker-registry-credentials), SITE_NETWORK (the network of
    containers whose parameters name none), SITE_LAUNCH_MEMORY (their memory limit if they name none) and
    SITE_LOG_OPTIONS (options of the log driver, NAME=VALUE, commas between); `limits` holds the last two as the
    engine's HostConfig."""

    site: str
    work_dir: str
    host_paths: tuple[str, ...]
    labels: Mapping[str, str]
    registry_block: str
    network: str
    limits: Mapping[str, Any] = field(default_factory=dict)


def read_site_env(environ: Mapping[str, str] = os.environ) -> SiteEnv:
    """The site's settings for launches, with their defaults. Raises LaunchError for a label without a value."""
    return SiteEnv(
        site=environ.get("SITE", "prefect-site"),
        work_dir=os.path.realpath(environ.get("SITE_WORK_DIR", "/srv/site/work")),
        host_paths=tuple(os.path.realpath(path) for path in environ.get("SITE_HOST_PATHS", "").split(":") if path),
        labels=dict(_pair("SITE_LABELS", text) for text in environ.get("SITE_LABELS", "").split(",") if text.strip()),
        registry_block=environ.get("SITE_REGISTRY_BLOCK", ""),
        network=environ.get("SITE_NETWORK", ""),
        limits=_memory(environ.get("SITE_LAUNCH_MEMORY", "")) | _logs(environ.get("SITE_LOG_OPTIONS", LOG_OPTIONS)),
    )


def _memory(text: str) -> dict[str, Any]:
    try:
        size = Size(text).bytes
    except ValueError as error:
        raise LaunchError(f"SITE_LAUNCH_MEMORY: {error}") from None
    return {"Memory": size, "MemorySwap": size} if size else {}


def _logs(text: str) -> dict[str, Any]:
    return {
        "LogConfig": {"Type": LOG_DRIVER, "Config": dict(_pair("SITE_LOG_OPTIONS", one) for one in text.split(","))}
    }


def _pair(variable: str, text: str) -> tuple[str, str]:
    name, equals, value = text.strip().partition("=")
    if not equals or not name:
        raise LaunchError(f"{variable}: {text.strip()!r} is not NAME=VALUE")
    return name, value
