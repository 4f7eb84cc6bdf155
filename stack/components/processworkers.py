"""Process workers of agent/: one description for each pool; all their files follow from it."""

from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

from stack.components import heartbeats, server
from stack.components.site import HOME
from stack.core.files import SECRET_FOLDER
from stack.core.quoting import supervisord_value
from stack.settings.settings import Settings

FOLDER = "agent"
ALGORITHMS = "client/algorithms"

# The parameters of a job on a cluster, each with its setting.
SLURM_PARAMETERS = {
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


@dataclass(frozen=True)
class MountedFile:
    """A file or folder that a worker reads; `variable` names the variable with its path.

    `path` is below the site's folder or on this machine, `target` in a container. A secret is a copy of `origin`."""

    variable: str
    path: str
    target: str
    origin: str = ""

    @property
    def source(self) -> str:
        """The source of the mount in the Compose file in agent/."""
        return self.path if PurePosixPath(self.path).is_absolute() else f"../{self.path}"

    @property
    def here(self) -> str:
        """Its path for a process, in supervisord's format."""
        path = supervisord_value(self.path)
        return path if PurePosixPath(path).is_absolute() else f"%(here)s/{path}"

    @property
    def name(self) -> str:
        """Compose's name of a secret."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Deployment:
    """A bundled deployment of a pool, which the registrar creates.

    `image` is the job image that contains its code, empty if the code is in the site's storage; `launches` is true if
    it starts containers beside its own. `parameters` are those of a run that is given none.
    """

    name: str
    entrypoint: str
    description: str
    tag: str = "launcher"
    image: str = ""
    launches: bool = False
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ProcessWorkers:
    """Workers that serve one pool. `service` is their name in Compose and supervisord.

    `image` is the user's own image, empty for the common one. `env` applies to containers and processes. `files` and
    `secrets` have other paths in a container than on the machine; `mounts` are needed only by containers. `port` is the
    first port of their health checks if they run as processes; `process_environment` is then their environment, in
    supervisord's format. `login` names the secret with the login of the API, if the API needs one.
    """

    service: str
    pool: str
    description: str
    replicas: int
    limit: int
    deployments: list[Deployment]
    image: str = ""
    env: dict[str, str] = field(default_factory=dict)
    files: list[MountedFile] = field(default_factory=list)
    secrets: list[MountedFile] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    port: int = 0
    process_environment: dict[str, str] = field(default_factory=dict)
    login: tuple[str, ...] = ()

    @property
    def secret_names(self) -> list[str]:
        """Compose's names of the secrets of a container."""
        return [*self.login, *(secret.name for secret in self.secrets)]

    @property
    def ports(self) -> range:
        return range(self.port, self.port + self.replicas)


def agent(settings: Settings) -> ProcessWorkers:
    """For flows of any kind."""
    return ProcessWorkers(
        service="worker",
        pool=settings.AGENT_POOL,
        description="Process workers (agent/).",
        replicas=settings.AGENT_REPLICAS,
        limit=settings.AGENT_LIMIT,
        deployments=[
            Deployment(
                "weather",
                "flows/weather.py:weather",
                "Hourly weather of New York's airports in 2013, month by month.",
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


def parent(settings: Settings) -> ProcessWorkers:
    """For chains of steps; their runs only wait for other runs."""
    return ProcessWorkers(
        service="parent",
        pool=settings.PARENT_POOL,
        description="The parent flow (agent/).",
        replicas=settings.PARENT_REPLICAS,
        limit=settings.PARENT_LIMIT,
        deployments=[
            Deployment(
                "launch_parent_flow",
                "launchers/parent/parent_flow.py:launch_parent_flow",
                "Sends steps to conda, Slurm, Docker and Podman, one after another.",
                tag="parent",
            )
        ],
        files=[
            MountedFile("SITE_JOB_CONFIG", f"{FOLDER}/config.yml", "/opt/site/config.yml"),
            MountedFile("SITE_CATALOGUE", f"{FOLDER}/catalogue.yml", "/opt/site/catalogue.yml"),
        ],
    )


def conda(settings: Settings) -> ProcessWorkers:
    """For scripts in conda environments. An installation works only at the path for which it was made."""
    root = str(PurePosixPath(settings.CONDA_EXE).parent.parent)
    return ProcessWorkers(
        service="conda",
        pool=settings.CONDA_POOL,
        description="Scripts in conda environments (agent/).",
        replicas=settings.CONDA_REPLICAS,
        limit=settings.CONDA_LIMIT,
        deployments=[
            Deployment(
                "launch_conda",
                "launchers/conda_envs/conda_flows.py:launch_conda",
                "Runs a script in one of the worker's conda environments.",
            )
        ],
        image=settings.CONDA_IMAGE,
        env={"CONDA_EXE": settings.CONDA_EXE, "MAMBA_ROOT_PREFIX": root} if settings.CONDA_EXE else {},
        files=[MountedFile("SITE_ALGORITHMS", settings.CONDA_ALGORITHMS or ALGORITHMS, f"{HOME}/algorithms")],
        mounts=[f"{root}:{root}:ro"] if settings.CONDA_EXE else [],
    )


def slurm_parameters(settings: Settings) -> dict[str, Any]:
    """What the settings say about a job on the cluster."""
    return {name: getattr(settings, key) for name, key in SLURM_PARAMETERS.items()}


def slurm(settings: Settings) -> ProcessWorkers:
    """For jobs on a cluster, through SSH or with Slurm's commands in the worker.

    A run's own `slurm_params` replace those of the deployment, all of them; so the worker knows the login node as well.
    """
    secrets = [
        _secret("SITE_SSH_KEY", "slurm_ssh_key", settings.SLURM_SSH_KEY),
        _secret("SITE_SSH_KNOWN_HOSTS", "slurm_known_hosts", settings.SLURM_KNOWN_HOSTS),
    ]
    return ProcessWorkers(
        service="slurm",
        pool=settings.SLURM_POOL,
        description="Jobs on a cluster (agent/).",
        replicas=settings.SLURM_REPLICAS,
        limit=settings.SLURM_LIMIT,
        deployments=[
            Deployment(
                "launch_slurm",
                "launchers/slurm_jobs/slurm_flows.py:launch_slurm",
                "Runs a job on a cluster, and follows it.",
                parameters={"slurm_params": {name: said for name, said in slurm_parameters(settings).items() if said}},
            )
        ],
        image=settings.SLURM_IMAGE,
        env={"SITE_SSH_HOST": settings.SLURM_HOST} if settings.SLURM_HOST else {},
        secrets=[secret for secret in secrets if secret.origin],
    )


def _secret(variable: str, name: str, origin: str) -> MountedFile:
    """In lower case, so that it does not become a variable of the worker itself."""
    return MountedFile(variable, f".site/{SECRET_FOLDER}/{name}", f"/run/secrets/{name}", origin)


KINDS = {"agent": agent, "parent": parent, "conda": conda, "slurm": slurm}


def of_site(settings: Settings) -> list[ProcessWorkers]:
    """The workers that AGENT_POOLS names, each with its own ports."""
    workers = [KINDS[name](settings) for name in settings.AGENT_POOLS]
    first = accumulate((each.replicas for each in workers), initial=settings.AGENT_HEALTH_PORT)
    return [_placed(each, port, settings) for each, port in zip(workers, first, strict=False)]


def _placed(workers: ProcessWorkers, port: int, settings: Settings) -> ProcessWorkers:
    environment = _process_environment(workers, settings)
    return replace(workers, port=port, process_environment=environment, login=tuple(server.login(settings)))


def _process_environment(workers: ProcessWorkers, settings: Settings) -> dict[str, str]:
    """SECRETS_DIR and SITE_HOME below the site's folder, and the process number as the port of the health check."""
    return {
        "SECRETS_DIR": "%(here)s/.site/secrets",
        "PREFECT_HOME": "%(here)s/.site/processes/home",
        "PREFECT_API_URL": supervisord_value(server.process_api_url(settings)),
        "PREFECT_UI_URL": supervisord_value(server.browser_url(settings)),
        "PREFECT_WORKER_QUERY_SECONDS": str(settings.AGENT_QUERY_SECONDS),
        "PREFECT_WORKER_HEARTBEAT_SECONDS": str(heartbeats.WORKER_SECONDS),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(heartbeats.RUN_SECONDS),
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": "%(process_num)d",
        "SITE_HOME": "%(here)s/.site/processes/storage",
        "PYTHONPATH": "%(here)s/.site/processes/storage",
        **{name: supervisord_value(value) for name, value in workers.env.items()},
        **{given.variable: given.here for given in workers.files + workers.secrets},
    }
