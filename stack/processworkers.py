"""Process workers of agent/: one description for each pool, from which all their files come."""

from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path, PurePosixPath

from stack.components import AGENT, chosen
from stack.dockerworkers import STORAGE
from stack.files import SECRET_FOLDER
from stack.settings import Settings

ALGORITHMS = "client/algorithms"


@dataclass(frozen=True)
class Given:
    """A file or folder that a worker reads, whose place `variable` names: `path` below the site's folder or on this
    machine, `target` in a container. A secret is a copy of `origin`."""

    variable: str
    path: str
    target: str
    origin: str = ""

    @property
    def source(self) -> str:
        """What a Compose file in agent/ mounts."""
        return self.path if PurePosixPath(self.path).is_absolute() else f"../{self.path}"

    @property
    def here(self) -> str:
        """Where a process finds it, as supervisord reads it."""
        path = self.path.replace("%", "%%")
        return path if PurePosixPath(path).is_absolute() else f"%(here)s/{path}"

    @property
    def name(self) -> str:
        """Of a secret: what Compose calls it."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Deployment:
    """A flow that a pool is for, as the registrar makes it."""

    name: str
    entrypoint: str
    description: str
    tag: str = "launcher"


@dataclass(frozen=True)
class ProcessWorkers:
    """Workers that serve one pool. `service` is what Compose and supervisord call them.

    `image` is one of the user's own, empty for that of all. `env` holds wherever they run; `files` and `secrets` lie
    elsewhere in a container than on the machine, where what `mounts` lists is at hand anyway. `port` is the first of
    their health checks where they run as processes.
    """

    service: str
    pool: str
    description: str
    replicas: int
    limit: int
    deployments: list[Deployment]
    image: str = ""
    env: dict[str, str] = field(default_factory=dict)
    files: list[Given] = field(default_factory=list)
    secrets: list[Given] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def ports(self) -> range:
        return range(self.port, self.port + self.replicas)


def agent(site: Settings) -> ProcessWorkers:
    """For flows of any kind."""
    return ProcessWorkers(
        service="worker",
        pool=site.AGENT_POOL,
        description="Process workers (agent/).",
        replicas=site.AGENT_REPLICAS,
        limit=site.AGENT_LIMIT,
        deployments=[
            Deployment(
                "weather",
                "flows/weather.py:weather",
                "Hourly weather of New York's airports in 2013, told month by month.",
                tag="sample",
            ),
            Deployment(
                "flights",
                "flows/flights.py:flights",
                "Every flight that left New York in 2013, month by month into Parquet files.",
                tag="sample",
            ),
        ],
    )


def parent(site: Settings) -> ProcessWorkers:
    """For chains of steps, whose runs do nothing but wait for others."""
    return ProcessWorkers(
        service="parent",
        pool=site.PARENT_POOL,
        description="The parent flow (agent/).",
        replicas=site.PARENT_REPLICAS,
        limit=site.PARENT_LIMIT,
        deployments=[
            Deployment(
                "launch_parent_flow",
                "launchers/parent/parent_flow.py:launch_parent_flow",
                "Sends steps to conda, Slurm, Docker and Podman, one after another.",
                tag="parent",
            )
        ],
        files=[
            Given("SITE_JOB_CONFIG", f"{AGENT.folder}/config.yml", "/opt/site/config.yml"),
            Given("SITE_CATALOGUE", f"{AGENT.folder}/catalogue.yml", "/opt/site/catalogue.yml"),
        ],
    )


def conda(site: Settings) -> ProcessWorkers:
    """For scripts in conda environments. An installation works at the path alone for which it was made."""
    root = str(PurePosixPath(site.CONDA_EXE).parent.parent)
    return ProcessWorkers(
        service="conda",
        pool=site.CONDA_POOL,
        description="Scripts in conda environments (agent/).",
        replicas=site.CONDA_REPLICAS,
        limit=site.CONDA_LIMIT,
        deployments=[
            Deployment(
                "launch_conda",
                "launchers/conda_envs/conda_flows.py:launch_conda",
                "Runs a script in a conda environment of the worker's.",
            )
        ],
        image=site.CONDA_IMAGE,
        env={"CONDA_EXE": site.CONDA_EXE, "MAMBA_ROOT_PREFIX": root} if site.CONDA_EXE else {},
        files=[Given("SITE_ALGORITHMS", site.CONDA_ALGORITHMS or ALGORITHMS, f"{STORAGE}/algorithms")],
        mounts=[f"{root}:{root}:ro"] if site.CONDA_EXE else [],
    )


def slurm(site: Settings) -> ProcessWorkers:
    """For jobs on a cluster, through SSH or with Slurm's commands of the worker's own."""
    secrets = [
        _secret("SITE_SSH_KEY", "slurm_ssh_key", site.SLURM_SSH_KEY),
        _secret("SITE_SSH_KNOWN_HOSTS", "slurm_known_hosts", site.SLURM_KNOWN_HOSTS),
    ]
    return ProcessWorkers(
        service="slurm",
        pool=site.SLURM_POOL,
        description="Jobs on a cluster (agent/).",
        replicas=site.SLURM_REPLICAS,
        limit=site.SLURM_LIMIT,
        deployments=[
            Deployment(
                "launch_slurm",
                "launchers/slurm_jobs/slurm_flows.py:launch_slurm",
                "Runs a job on a cluster, and follows it.",
            )
        ],
        image=site.SLURM_IMAGE,
        secrets=[secret for secret in secrets if secret.origin],
    )


def _secret(variable: str, name: str, origin: str) -> Given:
    """In small letters, so that it becomes no variable of the worker's itself."""
    return Given(variable, f".site/{SECRET_FOLDER}/{name}", f"/run/secrets/{name}", origin)


KINDS = {"agent": agent, "parent": parent, "conda": conda, "slurm": slurm}


def of_site(site: Settings) -> list[ProcessWorkers]:
    """Those that AGENT_POOLS names, each with ports of its own."""
    workers = [KINDS[name](site) for name in site.AGENT_POOLS]
    first = accumulate((each.replicas for each in workers), initial=site.AGENT_HEALTH_PORT)
    return [replace(each, port=port) for each, port in zip(workers, first, strict=False)]


def here(site: Settings) -> list[ProcessWorkers]:
    """Those that run on this machine."""
    return of_site(site) if AGENT in chosen(site.COMPONENTS) else []


def sources(site: Settings) -> list[str]:
    """What they read of this repository, beside what every process worker does."""
    return [given.path for each in here(site) for given in each.files if given.path == ALGORITHMS]


def secrets(site: Settings) -> dict[str, Path]:
    """The files that their secrets are copies of, by name."""
    return {secret.name: Path(secret.origin) for each in here(site) for secret in each.secrets}
