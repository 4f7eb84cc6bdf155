"""The names that services have on the networks of a site, by component: nothing else there may be called so.

tests/unit/test_services.py compares them with the rendered Compose files.
"""

from stack.components.component import (
    AGENT,
    CLIENT,
    REGISTRY,
    SERVER,
    STORAGE,
    WORKER_DIND,
    WORKER_DOCKER,
    WORKER_PODMAN,
    Component,
)

NAMES: dict[Component, frozenset[str]] = {
    SERVER: frozenset({"server", "services", "recovery", "postgres", "redis", "migrate"}),
    REGISTRY: frozenset({"registry"}),
    STORAGE: frozenset({"storage"}),
    AGENT: frozenset({"worker", "parent", "conda", "slurm"}),
    WORKER_DOCKER: frozenset({"worker", "reaper"}),
    WORKER_DIND: frozenset({"worker", "reaper", "dind", "socket-proxy"}),
    WORKER_PODMAN: frozenset({"worker", "reaper", "podman"}),
    CLIENT: frozenset({"client"}),
}


def is_of_another(host: str, site: str, component: Component) -> bool:
    """Whether the host is a service of another component: by its name, or with that of the site's network behind."""
    others = {name for owner, names in NAMES.items() if owner != component for name in names}
    return host.removesuffix(f".{site}") in others
