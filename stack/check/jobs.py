"""The catalogue of algorithms and the job details, checked with the code of the flows that read them.

The package `launchers` is in client/. No module that is imported from it here
imports Prefect.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from stack.components.processworkers import SLURM_PARAMETERS, slurm_parameters
from stack.components.site import HOME, RESULTS, WORK
from stack.core.errors import SiteError
from stack.core.repo import REPO
from stack.load import textfile
from stack.settings.settings import Settings

EXAMPLE = REPO / "catalogue.example.yml"
WAY = "in PARENT_CATALOGUE"  # to name another


def catalogue(path: Path, images: Mapping[str, str]) -> dict[str, Any]:
    """The algorithms of a file, or of the example if the file does not exist. Raises SiteError with every fault.

    An algorithm without an image has that of `images`, which `make up` builds from its folder in client/algorithms.
    """
    from launchers.launching.errors import LaunchError
    from launchers.parent.catalogue import read_catalogue

    if textfile.exists(path, WAY):
        textfile.read(path, "catalogue", WAY)  # refuses a device or a pipe, on which a read would wait
    else:
        path = EXAMPLE
    try:
        found = read_catalogue(path).algorithms
    except LaunchError as error:
        raise SiteError(*str(error).splitlines()) from None
    return {name: _with_image(each.model_dump(exclude_defaults=True), images.get(name)) for name, each in found.items()}


def _with_image(algorithm: dict[str, Any], image: str | None) -> dict[str, Any]:
    if not image or "image_name" in algorithm:
        return algorithm
    name, _, tag = image.rpartition(":")
    return {"image_name": name, "image_tag": tag} | algorithm


def faults(site: Settings) -> Iterator[tuple[str, str]]:
    """Each setting that would make a step fail, with the reason, for the pools of the site."""
    parent = "parent" in site.AGENT_POOLS
    if parent:
        yield from _of_parent(site)
    if "slurm" in site.AGENT_POOLS or (parent and "slurm" in site.PARENT_SITES.values()):
        yield from _of_cluster(site)


def _of_parent(site: Settings) -> Iterator[tuple[str, str]]:
    from launchers.containers.schema import Volume
    from launchers.parent.routing import route, sites

    wrong = list(_refused("PARENT_SITES", sites, site.PARENT_SITES))
    yield from wrong
    if not wrong and (warning := route(site.PARENT_HPC_TYPE, sites(site.PARENT_SITES)).warning):
        yield "PARENT_HPC_TYPE", warning
    volumes: list[Any] = []
    refused = [
        fault
        for volume in site.PARENT_VOLUMES
        for fault in _refused("PARENT_VOLUMES", lambda text: volumes.append(Volume(text)), volume)
    ]
    yield from refused or _of_mounts(site, volumes)


def _of_mounts(site: Settings, volumes: list[Any]) -> Iterator[tuple[str, str]]:
    """Volumes that are well formed, but that no engine of this site would mount."""
    targets = [volume.target for volume in volumes]
    for target in sorted({target for target in targets if targets.count(target) > 1}):
        yield "PARENT_VOLUMES", f"{target} is used twice as the target"
    allowed = [f"{HOME}/{RESULTS}", f"{HOME}/{WORK}", *site.DOCKER_BIND_PATHS]
    for volume in volumes:
        if not any(PurePosixPath(volume.source).is_relative_to(folder) for folder in allowed):
            yield "PARENT_VOLUMES", f"{volume.source} is in none of {', '.join(allowed)}; add it to DOCKER_BIND_PATHS"


def _refused(key: str, check: Callable[[Any], object], value: object) -> Iterator[tuple[str, str]]:
    try:
        check(value)
    except ValueError as error:
        yield key, str(error)


def _of_cluster(site: Settings) -> Iterator[tuple[str, str]]:
    from launchers.slurm_jobs.schema import SlurmParams
    from pydantic import ValidationError

    try:
        SlurmParams(job_name="job", python_file_name="job.py", **slurm_parameters(site))
    except ValidationError as error:
        for finding in error.errors(include_url=False):
            yield SLURM_PARAMETERS[str(finding["loc"][0])], str(finding["ctx"]["error"])
