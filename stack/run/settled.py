"""Which components `up` can leave alone, because everything of them is as their last `up` left it.

Compose would change nothing there, but it starts again what has done its work and ended, such as `migrate`, and waits
for it: seconds at each `up`. After an `up` that worked, a record keeps the digest of what Compose went by: the
configuration with the user's override, the containers, their images and networks. If anything differs, or a container
is not well, Compose decides.
"""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stack.components.client import CLIENT
from stack.components.component import Component
from stack.core.docker import docker
from stack.run import compose
from stack.run.waiting import RESTARTED
from stack.site import Site

RECORDS = Path(".site") / "settled"

Container = dict[str, Any]  # as `docker inspect` prints it


def unchanged(site: Site) -> set[Component]:
    """The components that need no `docker compose up`."""
    with ThreadPoolExecutor() as pool:
        candidates = [component for component in site.components if _may_stay(site, component)]
        settled = pool.map(lambda component: _is_settled(site, component), candidates)
        return {component for component, is_settled in zip(candidates, settled, strict=True) if is_settled}


def record(site: Site, component: Component) -> None:
    """Keeps what an `up` that worked has led to; nothing if a container has failed since."""
    path = _record_path(site, component)
    if digest := _digest(site, component):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digest, encoding="utf-8")


def _may_stay(site: Site, component: Component) -> bool:
    """Whether there is a record. Without the registrar on this machine, only the service `flows` of a component
    publishes changed flow code here."""
    return _record_path(site, component).exists() and (CLIENT in site.components or not component.runs_flows)


def _is_settled(site: Site, component: Component) -> bool:
    return _digest(site, component) == _record_path(site, component).read_text(encoding="utf-8")


def _record_path(site: Site, component: Component) -> Path:
    return site.root / RECORDS / component.name


def _digest(site: Site, component: Component) -> str:
    """A digest of what Compose compares; empty if a container is not well, or the engine did not say."""
    containers = _containers(component.project(site.settings.SITE))
    images = _image_ids(container["Config"]["Image"] for container in containers)
    configuration = compose.call(site.root, component, "config")
    if not containers or not images or not configuration.worked or not all(map(is_well, containers)):
        return ""
    seen = [configuration.output, images, sorted(_identity(container) for container in containers)]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def is_well(container: Container) -> bool:
    """Whether it runs and is healthy, or has ended with success and is not one to run for ever."""
    state = container["State"]
    if state["Status"] == "exited":
        return not state["ExitCode"] and container["HostConfig"]["RestartPolicy"]["Name"] not in RESTARTED
    health = state.get("Health") or {"Status": "healthy"}  # a service without a check
    return (state["Status"], health["Status"]) == ("running", "healthy")


def _identity(container: Container) -> list[str]:
    """Itself, the image that it was made from, and the networks that it is on."""
    networks = container["NetworkSettings"]["Networks"] or {}
    return [container["Id"], container["Image"], *sorted(network["NetworkID"] for network in networks.values())]


def _containers(project: str) -> list[Container]:
    """Those of the project's services; `docker compose run` makes others."""
    labels = (f"com.docker.compose.project={project}", "com.docker.compose.oneoff=False")
    found = docker("ps", "--all", "--quiet", *(f"--filter=label={label}" for label in labels)).output.split()
    shown = docker("inspect", *found) if found else None
    return json.loads(shown.output) if shown and shown.worked else []


def _image_ids(names: Iterable[str]) -> list[str]:
    """The current ids of the names: an image can be rebuilt under its name."""
    wanted = sorted(set(names))
    shown = docker("image", "inspect", "--format", "{{.Id}}", *wanted) if wanted else None
    return shown.output.split() if shown and shown.worked else []
