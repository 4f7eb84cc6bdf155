"""`config.yml`: what jobs get at this site, and which environment serves which site. Rendered from `.env`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from launchers.containers.schema import Volume
from launchers.parent.document import Section, read
from launchers.parent.routing import SITES, sites


def _names(value: Any) -> Any:
    """A list, or the JSON text of one, as older configurations have it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a list: write for example [debug, regular]") from None


Names = Annotated[list[str], BeforeValidator(_names)]
Sites = Annotated[dict[str, str], AfterValidator(sites)]


class CondaJobs(Section):
    """Jobs in conda environments of the worker's machine."""

    conda_env_name: dict[str, str] = Field(default={}, description="By model name; before the catalogue's own.")
    code_dir: str = Field(default="", description="Holds a folder for each algorithm; empty: the worker's own.")


class ContainerJobs(Section):
    """Jobs in containers, on Docker and on Podman."""

    volumes: list[Volume] = Field(default=[])
    network: str = ""


class SlurmJobs(Section):
    """Jobs on a cluster. Paths are the cluster's."""

    num_nodes: int = Field(default=1, ge=1)
    partitions: Names = Field(default=[])
    reservations: Names = Field(default=[])
    max_time: str = "1:00:00"
    options: list[str] = Field(default=[], description="More options of sbatch, for example --account=m1234.")
    prologue: str = Field(default="", description="Shell lines that a job begins with, for example module load conda.")
    submission_host: str = Field(default="", description="USER@HOST[:PORT] of a login node; empty: this machine.")
    submission_ssh_key: str = ""
    work_dir: str = Field(default="", description="Shared by login and compute nodes; empty: ~/prefect-site.")
    code_dir: str = Field(default="/srv/site/algorithms", description="Holds a folder for each algorithm.")
    poll_seconds: float = Field(default=5, gt=0, description="Seconds between two looks at a job.")


class JobConfig(Section):
    """The whole file."""

    hpc_type: str = "conda"
    sites: Sites = SITES
    crash_grace_seconds: float = Field(default=30, ge=0, description="In which a crashed child may be brought back.")
    conda: CondaJobs = Field(default_factory=CondaJobs)
    container: ContainerJobs = Field(default_factory=ContainerJobs)
    slurm: SlurmJobs = Field(default_factory=SlurmJobs)


def read_job_config(path: Path) -> JobConfig:
    """The file, checked. Raises LaunchError with a line for every fault."""
    return read(path, JobConfig)
