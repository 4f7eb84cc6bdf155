"""The default options of containers in a docker work pool, one description for each engine."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from stack.components import heartbeats, limits, registry, storage
from stack.components.dockerworkers import LAUNCHER, PREFECT_USER, DockerWorkers
from stack.components.processworkers import Deployment
from stack.components.site import HOME, RESULTS, WORK
from stack.settings.settings import Settings

ENGINE_SOCKET = "unix:///run/engine/proxy.sock"
NANO = 10**9
COMMAND = "python -m run_flow"  # it is in images/prefect, and so in every image made from that


@dataclass(frozen=True)
class Pool:
    """The defaults of a pool's flow containers.

    `credentials` refers to the block with the login for pulls. `launcher` holds the additional options of a container
    that starts others, `direct_volumes` the only mounts of one whose image contains its code.
    """

    name: str
    image: str
    networks: list[str]
    volumes: list[str]
    env: dict[str, str]
    memory: str
    cpus: str
    credentials: str | None = None
    launcher: dict[str, Any] = field(default_factory=dict)
    direct_volumes: list[str] = field(default_factory=list)
    command: str = COMMAND
    user: str = PREFECT_USER
    deployments: list[Deployment] = field(default_factory=list)

    @property
    def nano_cpus(self) -> int:
        return int(Decimal(self.cpus) * NANO)


def pool(workers: DockerWorkers, settings: Settings, flows_image: str, jobs: dict[str, str]) -> Pool:
    """The pool that these workers serve; `jobs` are the names of the job images."""
    env = _environment(workers, settings)
    return Pool(
        name=workers.pool,
        image=workers.job_image or flows_image,
        networks=[workers.network],
        volumes=_mounts(workers, settings),
        env=env,
        memory=workers.job_memory,
        cpus=workers.job_cpus,
        credentials=registry.BLOCK_REFERENCE if registry.has_login(settings) else None,
        launcher=_launcher(workers, settings, env) | {"parameters": _algorithm(jobs["pca"])},
        direct_volumes=workers.mounts(RESULTS),
        user=workers.user,
        deployments=_deployments(workers, settings),
    )


def _deployments(workers: DockerWorkers, settings: Settings) -> list[Deployment]:
    """The bundled deployments of the pool; those with an `image` have their code in it."""
    kind = workers.kind
    weather = "weather" if settings.CLIENT_STORAGE == "image" else ""
    return [
        Deployment(
            f"weather_{kind}",
            "flows/weather.py:weather",
            "The weather flow, each run in its own container.",
            tag="sample",
            image=weather,
        ),
        Deployment(
            f"weather_image_{kind}",
            "flows/weather.py:weather",
            "The weather flow from its own image, which contains its code and its packages.",
            tag="sample",
            image="weather",
        ),
        Deployment(
            f"flights_image_{kind}",
            "flows/flights.py:flights",
            "The flights, a sub-flow for each month, from their own image, which contains code and packages.",
            tag="sample",
            image="flights",
        ),
        Deployment(
            f"launch_{kind}",
            "launchers/containers/docker_flows.py:launch_docker",
            "Runs the container of an algorithm beside the flow's own; by default that of a small sample algorithm.",
            launches=True,
        ),
    ]


def _environment(workers: DockerWorkers, settings: Settings) -> dict[str, str]:
    return (
        {
            "SITE": settings.SITE,
            "SITE_HOME": HOME,
            "SITE_WORK_DIR": f"{HOME}/work",
            "SITE_LABELS": ",".join(f"{name}={value}" for name, value in settings.SITE_LABELS.items()),
            "PYTHONPATH": storage.python_path(settings),
            "SITE_NETWORK": workers.network,
            "SITE_LAUNCH_MEMORY": settings.DOCKER_LAUNCH_MEMORY,
            "SITE_LOG_OPTIONS": ",".join(f"{name}={value}" for name, value in limits.log_options(settings).items()),
            "SITE_HOST_PATHS": ":".join(workers.bind_paths),
        }
        | heartbeats.RUN_ENVIRONMENT
        | storage.run_environment(settings)
    )


def _mounts(workers: DockerWorkers, settings: Settings) -> list[str]:
    """Code from a bucket is put at the path of the code's volume, which therefore must not be mounted."""
    return workers.mounts(RESULTS, WORK) if storage.is_bucket(settings) else workers.mounts()


def _launcher(workers: DockerWorkers, settings: Settings, env: dict[str, str]) -> dict[str, Any]:
    login = {"SITE_REGISTRY_BLOCK": registry.BLOCK} if registry.has_login(settings) else {}
    env = env | login | storage.code_environment(settings)
    return (_proxied if workers.proxied else _raw)(workers, env, _mounts(workers, settings))


def _algorithm(image: str) -> dict[str, Any]:
    """The default docker_params of a launch: principal components of the data in the image."""
    name, _, tag = image.rpartition(":")
    volumes = [f"{HOME}/{RESULTS}:/app/results"]
    return {"image_name": name, "image_tag": tag, "command": "python /app/pca.py", "volumes": volumes}


def _proxied(workers: DockerWorkers, env: dict[str, str], mounts: list[str]) -> dict[str, Any]:
    return {
        "env": env | {"DOCKER_HOST": ENGINE_SOCKET},
        "volumes": [*mounts, f"{workers.sources[LAUNCHER]}:/run/engine:ro"],
        "user": workers.user,
    }


def _raw(workers: DockerWorkers, env: dict[str, str], mounts: list[str]) -> dict[str, Any]:
    """The socket itself gives root rights on its machine; its group differs between hosts and does not protect it."""
    return {"env": env, "volumes": [*mounts, workers.socket], "user": "0:0"}
