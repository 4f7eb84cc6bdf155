"""The components of a site: one folder, one Compose project each."""

import shlex
from dataclasses import dataclass

from stack.core.repo import JOB_IMAGES

OVERRIDE = "compose.override.yaml"  # the user's own, which Compose merges with the rendered file


@dataclass(frozen=True)
class Component:
    """What a name in COMPONENTS stands for.

    `folder` holds its files in the repo and in the output; `templates` are those files below it that are rendered;
    `sources` are the paths, relative to the repo, that its containers read and a site elsewhere needs a copy of.
    `sample` is the deployment that `up` runs once to show that the component works.
    Of two components in one folder, the second has a `variant`: its templates are called NAME.VARIANT.SUFFIX.
    `calls_api` is false for one that works without Prefect.
    """

    name: str
    folder: str
    images: tuple[str, ...]
    sources: tuple[str, ...] = ()
    variant: str = ""
    sample: str = ""
    calls_api: bool = True

    def project(self, site: str) -> str:
        """The Compose project: `down` in one folder cannot touch another, and two sites share an engine."""
        return f"{site}-{self.name}"

    def file(self, name: str) -> str:
        """What the component calls its file of this name in the folder, which may be another component's too."""
        stem, dot, suffix = name.rpartition(".")
        return f"{stem}.{self.variant}{dot}{suffix}" if self.variant else name

    @property
    def compose_file(self) -> str:
        return self.file("compose.yaml")

    @property
    def compose_path(self) -> str:
        return f"{self.folder}/{self.compose_file}"


SERVER = Component(
    "server",
    "server",
    images=("postgres", "redis", "prefect"),
    sources=(
        "server/migrate.py",
        "server/services.py",
        "server/services_health.py",
        "server/small_server.py",
        "client/recovery",
        "client/service",
    ),
)
REGISTRY = Component(
    "registry", "registry", images=("registry",), sources=("registry/collect-garbage.sh",), calls_api=False
)
STORAGE = Component("storage", "storage", images=("storage",), calls_api=False)
FLOW_SOURCES = ("client/flows", "client/registrar")
AGENT = Component(
    "agent",
    "agent",
    images=("flows",),
    sources=(*FLOW_SOURCES, "agent/process_worker.py"),
    sample="weather/weather",
)
WORKER_DOCKER = Component(
    "worker-docker",
    "worker-docker",
    images=("flows", "worker-docker"),
    sources=(
        *FLOW_SOURCES,
        *JOB_IMAGES,
        "client/reaper",
        "client/service",
        "worker-docker/proxy",
        "worker-docker/as-socket-group.sh",
        "worker-docker/docker_worker.py",
    ),
    sample="weather/weather_docker",
)
WORKER_DIND = Component(
    "worker-dind",
    WORKER_DOCKER.folder,
    images=("flows", "worker-docker", "dind"),
    sources=WORKER_DOCKER.sources,
    variant="dind",
    sample="weather/weather_dind",
)
WORKER_PODMAN = Component(
    "worker-podman",
    "worker-podman",
    images=("flows", "worker-podman", "podman"),
    sources=WORKER_DOCKER.sources,
    sample="weather/weather_podman",
)
CLIENT = Component("client", "client", images=("flows",), sources=(*FLOW_SOURCES, "client/deployments"))

# What AGENT_POOLS may name: the pools whose runs are processes, each with workers of its own in agent/.
PROCESS_POOLS: tuple[str, ...] = ("agent", "parent", "conda", "slurm")

# The components that run flows, in the order in which the first of them owns what they share.
WORKERS: tuple[Component, ...] = (AGENT, WORKER_DOCKER, WORKER_DIND, WORKER_PODMAN)

# In the order of starting: the API first, who registers last. The first of those chosen owns the site's network.
ALL: tuple[Component, ...] = (SERVER, REGISTRY, STORAGE, *WORKERS, CLIENT)
KNOWN: tuple[str, ...] = tuple(component.name for component in ALL)


def chosen(names: list[str]) -> tuple[Component, ...]:
    """The components named, in the order of starting; `all` stands for every one."""
    return ALL if names == ["all"] else tuple(component for component in ALL if component.name in names)


def compose_words(component: Component, *arguments: str) -> list[str]:
    """The words of a `docker` command for the component's Compose project, to be run in its folder."""
    return ["compose", "--progress", "quiet", *_file_option(component), *arguments]


def by_hand(component: Component, *arguments: str) -> str:
    """A Compose command as a user types it in the site's folder."""
    return f"`cd {component.folder} && {shlex.join(['docker', 'compose', *_file_option(component), *arguments])}`"


def _file_option(component: Component) -> list[str]:
    """Only for a file that Compose does not find by itself: with this option it ignores the user's override."""
    return ["--file", component.compose_file] if component.variant else []
