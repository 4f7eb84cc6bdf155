"""worker-docker/: Docker workers on this machine's engine (DooD), and the limits of all flow containers."""

from typing import Annotated
from urllib.parse import urlsplit

from stack.components import registry, storage
from stack.components.component import Component
from stack.components.dockerworkers import MEMORY, SHARED, SOURCES, DockerWorkers
from stack.components.server import api_url, client_secrets
from stack.core.repo import REPOSITORY
from stack.settings import values
from stack.settings.settings import Section, Settings, setting


class DockerSettings(Section):
    """worker-docker/: Docker workers on this machine's engine (DooD)"""

    DOCKER_POOL: values.PoolName = setting(
        "docker_pool",
        "Work pool of these workers. A pool belongs to one engine: choose another name on a second machine.",
        "docker_pool_b",
    )
    DOCKER_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    DOCKER_LIMIT: values.Count = setting(4, "Flow containers that one worker runs at the same time.", "4")
    DOCKER_QUERY_SECONDS: Annotated[int, values.whole_number(1, 300, "this")] = setting(
        1, "Seconds between a worker's requests for new runs.", "1"
    )
    DOCKER_SOCKET: values.MountedPath = setting(
        "/var/run/docker.sock", "Path of the engine's socket on this machine.", "/run/user/1000/docker.sock"
    )
    DOCKER_PROXY: values.Switch = setting(
        True,
        "true: the workers reach the engine through a proxy that refuses what flows do not need. false: they get the "
        "socket itself, and with it root rights on this machine.",
        "true",
    )
    DOCKER_JOB_IMAGE: values.Image = setting(
        "",
        "Image of flow containers whose deployment names none. Empty: the bundle's image.",
        "registry.example.org/flows:1.4.2",
        optional=True,
    )
    DOCKER_IMAGES: values.ImagePatterns = setting(
        [],
        "Additional images that flows may run, separated by spaces; NAME/* allows all images below NAME. The "
        "images of this bundle and of the site's registry, AGENT_IMAGE and DOCKER_JOB_IMAGE are always allowed.",
        "registry.example.org/lab/*",
        optional=True,
    )
    DOCKER_BIND_PATHS: values.Folders = setting(
        [],
        "Folders of this machine that flow containers may mount, absolute, separated by spaces.",
        "/srv/data",
        optional=True,
    )
    DOCKER_JOB_MEMORY: values.Memory = setting(
        "2g", "Memory limit of one flow container; a run that exceeds it is killed (out of memory).", "512m"
    )
    DOCKER_LAUNCH_MEMORY: values.Memory = setting(
        "8g", "Memory limit of a container that a flow launches, if its parameters name none.", "4g"
    )
    DOCKER_JOB_CPUS: values.Cpus = setting("1", "Limit of processor cores of one flow container.", "0.5")
    DOCKER_GPUS: values.Switch = setting(
        False, "true: containers that a flow launches may use the GPUs of the engine's machine.", "true"
    )


def workers(settings: Settings) -> DockerWorkers:
    """Sibling containers on this machine's engine; they use the site's volumes and network by name."""
    return DockerWorkers(
        component=WORKER_DOCKER,
        kind="docker",
        engine="this machine's engine",
        image="worker-docker",
        pool=settings.DOCKER_POOL,
        replicas=settings.DOCKER_REPLICAS,
        limit=settings.DOCKER_LIMIT,
        query_seconds=settings.DOCKER_QUERY_SECONDS,
        job_image=settings.DOCKER_JOB_IMAGE,
        job_memory=settings.DOCKER_JOB_MEMORY,
        job_cpus=settings.DOCKER_JOB_CPUS,
        proxied=settings.DOCKER_PROXY,
        socket=f"{settings.DOCKER_SOCKET}:/var/run/docker.sock",
        sources={name: f"{settings.SITE}-{name}" for name in SHARED},
        network=settings.SITE,
        api_url=api_url(settings),
        bind_paths=settings.DOCKER_BIND_PATHS,
    )


def allowed_images(settings: Settings) -> str:
    """The images that flows may run: those of this bundle, of the site's registry, and in the settings."""
    own_registry = [f"{registry.address(settings)}/*"] if registry.is_used(settings) else []
    by_default = [image for image in (settings.DOCKER_JOB_IMAGE, settings.AGENT_IMAGE) if image]
    return ",".join(dict.fromkeys([f"{REPOSITORY}/*", *own_registry, *by_default, *settings.DOCKER_IMAGES]))


def reserved_names(settings: Settings) -> str:
    """Hosts to which runs send logins or from which they load code: no container may take such a name. IPv6 addresses
    are left out, because no container can have such a name."""
    urls = (api_url(settings), registry.url(settings), storage.url(settings))
    hosts = {str(urlsplit(url).hostname) for url in urls}
    return ",".join(sorted(host for host in hosts if ":" not in host))


WORKER_DOCKER = Component(
    noun="worker_docker",
    name="worker-docker",
    folder="worker-docker",
    images=("flows", "worker-docker"),
    sources=SOURCES,
    sample="weather/weather_docker",
    runs_flows=True,
    docker_workers=workers,
    services=frozenset({"worker", "reaper"}),
    memory=MEMORY,
    templates=("base-job-template.json",),
    sections=(DockerSettings,),
    secrets=client_secrets,
    seen=(workers, allowed_images, reserved_names),
)
