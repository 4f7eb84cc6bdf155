"""What steps are made of: the catalogue of algorithms, and job details, each checked by the flows that read it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stack import textfile
from stack.errors import SiteError
from stack.settings import Settings

REPO = Path(__file__).resolve().parent.parent
# None of the modules that are imported from there below imports Prefect.
FLOWS = str(REPO / "client")
EXAMPLE = REPO / "catalogue.example.yml"
WAY = "in PARENT_CATALOGUE"  # to name another

# The parameters of a job on a cluster, each with the setting that says it.
SLURM = {
    "num_nodes": "SLURM_NODES",
    "partitions": "SLURM_PARTITIONS",
    "reservations": "SLURM_RESERVATIONS",
    "max_time": "SLURM_MAX_TIME",
    "options": "SLURM_OPTIONS",
    "prologue": "SLURM_PROLOGUE",
    "submission_host": "SLURM_HOST",
    "work_dir": "SLURM_WORK_DIR",
    "poll_seconds": "SLURM_POLL_SECONDS",
}

if FLOWS not in sys.path:
    sys.path.append(FLOWS)


def catalogue(path: Path, images: Mapping[str, str]) -> dict[str, Any]:
    """The algorithms of a file, or of the example where it is not there. Raises SiteError with every fault.

    One that names no image has that of `images`, which `make up` makes from its folder in client/algorithms.
    """
    from flows.launching.errors import LaunchError
    from flows.parent.catalogue import read_catalogue

    try:
        found = read_catalogue(path if textfile.exists(path, WAY) else EXAMPLE).algorithms
    except LaunchError as error:
        raise SiteError(*str(error).splitlines()) from None
    return {name: _with_image(each.model_dump(exclude_defaults=True), images.get(name)) for name, each in found.items()}


def _with_image(algorithm: dict[str, Any], image: str | None) -> dict[str, Any]:
    if not image or "image_name" in algorithm:
        return algorithm
    name, _, tag = image.rpartition(":")
    return {"image_name": name, "image_tag": tag} | algorithm


def faults(site: Settings) -> Iterator[tuple[str, str]]:
    """Each setting that a step would be refused for, with the reason, for the pools that the site has."""
    checks = {"parent": _of_containers, "slurm": _of_cluster}
    yield from (fault for pool in site.AGENT_POOLS if pool in checks for fault in checks[pool](site))


def _of_containers(site: Settings) -> Iterator[tuple[str, str]]:
    from flows.containers.schema import parse_volume
    from flows.parent.routing import sites

    yield from _refused("PARENT_SITES", sites, site.PARENT_SITES)
    for volume in site.PARENT_VOLUMES:
        yield from _refused("PARENT_VOLUMES", parse_volume, volume)


def _refused(key: str, check: Callable[[Any], object], value: object) -> Iterator[tuple[str, str]]:
    try:
        check(value)
    except ValueError as error:
        yield key, str(error)


def _of_cluster(site: Settings) -> Iterator[tuple[str, str]]:
    from flows.slurm_jobs.schema import SlurmParams
    from pydantic import ValidationError

    asked = {name: getattr(site, key) for name, key in SLURM.items()}
    try:
        SlurmParams(job_name="job", python_file_name="job.py", **asked)
    except ValidationError as error:
        for finding in error.errors(include_url=False):
            yield SLURM[str(finding["loc"][0])], str(finding["ctx"]["error"])
