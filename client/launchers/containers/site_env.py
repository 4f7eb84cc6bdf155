"""The site's settings for launches, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from launchers.launching.errors import LaunchError


@dataclass(frozen=True)
class SiteEnv:
    """SITE, SITE_WORK_DIR, SITE_HOST_PATHS (colons between), SITE_LABELS (NAME=VALUE, commas between) and
    SITE_REGISTRY_BLOCK (name of a block of the type docker-registry-credentials) and SITE_NETWORK (the network of
    containers whose parameters name none)."""

    site: str
    work_dir: str
    host_paths: tuple[str, ...]
    labels: Mapping[str, str]
    registry_block: str
    network: str


def read_site_env(environ: Mapping[str, str] = os.environ) -> SiteEnv:
    """The site's settings for launches, with their defaults. Raises LaunchError for a label without a value."""
    return SiteEnv(
        site=environ.get("SITE", "prefect-site"),
        work_dir=os.path.realpath(environ.get("SITE_WORK_DIR", "/srv/site/work")),
        host_paths=tuple(os.path.realpath(path) for path in environ.get("SITE_HOST_PATHS", "").split(":") if path),
        labels=dict(_label(text) for text in environ.get("SITE_LABELS", "").split(",") if text.strip()),
        registry_block=environ.get("SITE_REGISTRY_BLOCK", ""),
        network=environ.get("SITE_NETWORK", ""),
    )


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.strip().partition("=")
    if not equals or not name:
        raise LaunchError(f"SITE_LABELS: {text.strip()!r} is not NAME=VALUE")
    return name, value
