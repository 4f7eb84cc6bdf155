"""Containers of a site in a Compose project that is not one of its own.

A rendered file names its project, but COMPOSE_PROJECT_NAME in a shell counts for more: who types `docker compose up`
there starts the component in another project, which neither `up` nor `down` knows.
"""

import os
import shlex
from collections.abc import Mapping

from stack.components.all import ALL
from stack.core.machine import Machine

PROJECT = "com.docker.compose.project"
# What makes Compose read other files, use other names, or keep and remove other containers.
MISLEADING = (
    *("COMPOSE_PROJECT_NAME", "COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES"),
    *("COMPOSE_DISABLE_ENV_FILE", "COMPOSE_COMPATIBILITY", "COMPOSE_IGNORE_ORPHANS", "COMPOSE_REMOVE_ORPHANS"),
)


def faults(site: str, machine: Machine) -> list[tuple[str, str]]:
    """Each such project with what to do; the containers run."""
    filters = ("--filter", f"label=site={site}", "--filter", f"label={PROJECT}")
    found = machine.docker("ps", *filters, "--format", f'{{{{.Label "{PROJECT}"}}}}').output.split()
    own = {component.project(site) for component in ALL}
    return [(_what(project, found.count(project)), _advice(project)) for project in sorted({*found} - own)]


def misleading(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The variables of this shell that a user's own `docker compose` follows."""
    return [name for name in MISLEADING if environment.get(name)]


def _what(project: str, count: int) -> str:
    return f"{count} container{'s' * (count != 1)} of this site run in the Compose project {project}, not in its own"


def _advice(project: str) -> str:
    down = shlex.join(["docker", "compose", "-p", project, "down", "--remove-orphans"])
    return f"unset COMPOSE_PROJECT_NAME and COMPOSE_FILE, then remove them with `cd / && {down}`"
