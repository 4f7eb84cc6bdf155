"""The list of a site's components, and what follows from it."""

from urllib.parse import urlsplit

from stack.components.agent import AGENT
from stack.components.client import CLIENT
from stack.components.component import Component, Part
from stack.components.dockerworkers import DockerWorkers
from stack.components.kubernetes import KUBERNETES
from stack.components.limits import part as limits_part
from stack.components.registry import REGISTRY
from stack.components.server import SERVER
from stack.components.site import part
from stack.components.storage import STORAGE
from stack.components.worker_dind import WORKER_DIND
from stack.components.worker_docker import WORKER_DOCKER
from stack.components.worker_podman import WORKER_PODMAN
from stack.core.url import LOOPBACK
from stack.settings.settings import Catalogue, Settings

# In starting order: the API first, the registrar last. The first that a machine runs owns the site's network.
ALL: tuple[Component, ...] = (
    SERVER,
    REGISTRY,
    STORAGE,
    AGENT,
    WORKER_DOCKER,
    WORKER_DIND,
    WORKER_PODMAN,
    CLIENT,
)
KNOWN: tuple[str, ...] = tuple(component.name for component in ALL)
SITE = part(KNOWN)
LIMITS = limits_part({component.name: component.memory for component in ALL})
PARTS: tuple[Part, ...] = (SITE, LIMITS, *ALL, KUBERNETES)

# The components that run flows; the first that a machine runs owns the volumes that they share.
WORKERS: tuple[Component, ...] = tuple(component for component in ALL if component.runs_flows)
# The components among them that create a container for each run.
CONTAINER_WORKERS: tuple[Component, ...] = tuple(component for component in WORKERS if component.docker_workers)

SETTINGS = Catalogue(section for each in PARTS for section in each.sections)
KEYS = SETTINGS.keys


def chosen(settings: Settings) -> tuple[Component, ...]:
    """The components that this machine runs, in the order of starting."""
    return tuple(component for component in ALL if component.is_in(settings))


def docker_workers(settings: Settings) -> dict[str, DockerWorkers]:
    """The workers that create containers, by the name of their component, also those that this machine does not run."""
    return {each.name: each.docker_workers(settings) for each in CONTAINER_WORKERS if each.docker_workers}


def running(settings: Settings) -> set[str]:
    """The names of the components that this machine runs."""
    return {component.name for component in chosen(settings)}


def network_owner(settings: Settings) -> str:
    """The component that creates the site's network; for the others it is external."""
    return _first(ALL, settings)


def volumes_owner(settings: Settings) -> str:
    """The component that creates the volumes of code and results."""
    return _first((*WORKERS, CLIENT), settings)


def running_docker_workers(settings: Settings) -> list[DockerWorkers]:
    return [each for name, each in docker_workers(settings).items() if name in settings.COMPONENTS]


def deployment_files(settings: Settings) -> list[str]:
    """The files that the registrar registers, in addition to the user's."""
    return ["prefect.yaml", *(f"prefect-{each.kind}.yaml" for each in running_docker_workers(settings))]


def no_proxy(settings: Settings) -> str:
    """The hosts that nothing of the site asks through a proxy, in the format of NO_PROXY: this machine, the site's
    services by both their names, and the site's API and registry wherever they are."""
    services = sorted({name for component in ALL for name in component.services})
    hosts = [urlsplit(settings.PREFECT_API_URL).hostname or "", settings.REGISTRY_HOST]
    return ",".join(dict.fromkeys(filter(None, (*LOOPBACK, f".{settings.SITE}", *services, *hosts))))


def _first(order: tuple[Component, ...], settings: Settings) -> str:
    return next((component.name for component in order if component.is_in(settings)), "")
