"""What a step becomes in each environment: a deployment, and the parameters of its flow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from launchers.conda_envs.schema import CondaParams
from launchers.containers.schema import DockerParams
from launchers.launching.errors import LaunchError
from launchers.parent.catalogue import Algorithm
from launchers.parent.job_config import JobConfig
from launchers.parent.routing import CONDA, DOCKER, PODMAN, SLURM
from launchers.parent.step import Step
from launchers.slurm_jobs.schema import SlurmParams


class Job(NamedTuple):
    """A step with what the catalogue says about its algorithm."""

    step: Step
    algorithm: Algorithm
    config: JobConfig

    @property
    def script(self) -> str:
        """Relative to the algorithm's folder."""
        return self.algorithm.tasks[self.step.task_name]

    def script_in(self, code_dir: str) -> str:
        """The script's path if algorithms are in `code_dir`; relative if that is the worker's own folder."""
        return str(PurePosixPath(code_dir, self.algorithm.folder or self.step.model_name, self.script))

    @property
    def conda_env(self) -> str:
        """The environment's name: the site's own, or the catalogue's."""
        return self.config.conda.conda_env_name.get(self.step.model_name, self.algorithm.conda_env)

    def need(self, environment: str, **values: str) -> None:
        """Raises LaunchError naming what the catalogue lacks for this environment."""
        for key, value in values.items():
            if not value:
                raise LaunchError(f"model {self.step.model_name!r} has no {key}, and {environment} needs one")


class Environment(NamedTuple):
    """Where the steps of an environment are sent to, and what makes their parameters from a job."""

    deployment: str
    parameters: Callable[[Job], Mapping[str, Any]]


def container(job: Job) -> dict[str, Any]:
    """Parameters of `launch_docker`."""
    job.need("a container", image_name=job.algorithm.image_name, image_tag=job.algorithm.image_tag)
    params = DockerParams(
        image_name=job.algorithm.image_name,
        image_tag=job.algorithm.image_tag,
        command=["python", job.script],
        volumes=job.config.container.volumes,
        network=job.config.container.network,
        params=job.step.params,
        memory=job.algorithm.memory,
        cpus=job.algorithm.cpus,
        gpus=job.algorithm.gpus,
    )
    return {"docker_params": params.model_dump(mode="json")}


def conda(job: Job) -> dict[str, Any]:
    """Parameters of `launch_conda`."""
    job.need("conda", conda_env=job.conda_env)
    params = CondaParams(
        conda_env_name=job.conda_env,
        python_file_name=job.script_in(job.config.conda.code_dir),
        params=job.step.params,
    )
    return {"conda_params": params.model_dump(mode="json")}


def slurm(job: Job) -> dict[str, Any]:
    """Parameters of `launch_slurm`."""
    site = job.config.slurm
    params = SlurmParams(
        job_name=re.sub(r"[^A-Za-z0-9_.+-]", "-", f"{job.step.model_name}-{job.step.task_name}"),
        conda_env_name=job.conda_env,
        python_file_name=job.script_in(site.code_dir),
        params=job.step.params,
        memory=f"{math.ceil(job.algorithm.memory.bytes / 2**20)}M" if job.algorithm.memory else "",
        cpus=math.ceil(job.algorithm.cpus) if job.algorithm.cpus else None,
        gpus=job.algorithm.gpus,
        **site.model_dump(exclude={"code_dir"}),
    )
    return {"slurm_params": params.model_dump(mode="json")}


TABLE: Mapping[str, Environment] = {
    CONDA: Environment("Conda flow/launch_conda", conda),
    SLURM: Environment("Slurm flow/launch_slurm", slurm),
    DOCKER: Environment("Docker flow/launch_docker", container),
    PODMAN: Environment("Docker flow/launch_podman", container),
}
