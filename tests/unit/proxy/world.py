"""A small world for the proxy's rules: containers, networks and paths."""

from collections.abc import Callable
from typing import Any

from socket_proxy import image
from socket_proxy.case import Allow, Container, Deny, Facts, Limits, Network, Question

Judge = Callable[..., Allow | Deny]

WORKERS = "a" * 64
LAUNCHERS = "b" * 64
STRANGER = "c" * 64
SERVICE = "d" * 64
OTHER_SITE = "e" * 64
SWAPPED = "f" * 64
SITE_NETWORK = "1" * 64
OTHER_NETWORK = "2" * 64

CONTAINERS = {
    "mine": Container(WORKERS, {"site": "als", "site.managed": "worker"}, ("/data/in",)),
    "sibling": Container(LAUNCHERS, {"site": "als", "site.managed": "launcher"}, ("/data/in",)),
    "stranger": Container(STRANGER, {}),
    "als-server-1": Container(SERVICE, {"site": "als"}),
    "theirs": Container(OTHER_SITE, {"site": "other", "site.managed": "launcher"}),
    "swapped": Container(SWAPPED, {"site": "als", "site.managed": "launcher"}, ("/data/link/in",)),
}
NETWORKS = {"als": Network(SITE_NETWORK, "als"), "db": Network(OTHER_NETWORK, "db")}
PATH_FAULTS = {
    "/data/link/in": "/data/link is a symbolic link",
    "/data/secret/in": "the proxy cannot check /data/secret (Permission denied)",
    "/data/engine.sock": "/data/engine.sock is neither a directory nor a file",
}


def limits(role: str, **changes: Any) -> Limits:
    defaults: dict[str, Any] = {
        "site": "als",
        "role": role,
        "prefix": f"DOCKER_PROXY_{role.upper()}",
        "images": (image.pattern("registry.lab:5000/*"), image.pattern("prefecthq/prefect:3.8.8")),
        "networks": frozenset({"als"}),
        "bind_paths": {"/data": True, "/code": False},
        "volumes": {"als-flows": True, "als-code": False},
        "reserved_names": frozenset({"server", "postgres", "api.lab.org"}),
    }
    return Limits(**defaults | changes)


def learn(question: Question, facts: Facts) -> None:
    if question.kind == "container":
        by_id = {container.id: container for container in CONTAINERS.values()}
        facts.containers[question.name] = CONTAINERS.get(question.name) or by_id.get(question.name)
    elif question.kind == "network":
        by_id_too = NETWORKS | {network.id: network for network in NETWORKS.values()}
        facts.networks[question.name] = by_id_too.get(question.name)
    else:
        assert question.root in {"/data", "/code"}
        facts.paths[question.name] = PATH_FAULTS.get(question.name, "")


def a_body(host: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """A body for containers/create that passes, with changes."""
    return {"Image": "registry.lab:5000/job:1", "HostConfig": {"NetworkMode": "als", **(host or {})}, **config}
