"""Which environment a step runs in. Sites are data: a new one is a line of `config.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from launchers.launching.nearest import nearest

CONDA, SLURM, DOCKER, PODMAN = "conda", "slurm", "docker", "podman"
ENVIRONMENTS = (CONDA, SLURM, DOCKER, PODMAN)
SITES = {"nersc": SLURM, "nsls-ii": PODMAN, "als": DOCKER}


class Route(NamedTuple):
    """The environment of a step, and what to warn of; empty where all is well."""

    environment: str
    warning: str = ""


def route(hpc_type: str, known: Mapping[str, str]) -> Route:
    """The environment for a site, for the name of an environment, or conda for anything else; case does not matter."""
    word = hpc_type.strip().lower()
    if word in known:
        return Route(known[word])
    if word in ENVIRONMENTS:
        return Route(word)
    return Route(
        CONDA, f"hpc_type {hpc_type!r} is not a site or an environment{nearest(word, [*known, *ENVIRONMENTS])}"
    )


def sites(given: dict[str, str]) -> dict[str, str]:
    """The sites in lower case. Raises ValueError for an unknown environment, and for a site that appears twice."""
    lowered = {site.strip().lower(): environment.strip().lower() for site, environment in given.items()}
    for site, environment in lowered.items():
        if environment not in ENVIRONMENTS:
            raise ValueError(f"{site}: there is no environment {environment!r}{nearest(environment, ENVIRONMENTS)}")
    if len(lowered) < len(given):
        raise ValueError("a site appears twice; case does not matter")
    return lowered
