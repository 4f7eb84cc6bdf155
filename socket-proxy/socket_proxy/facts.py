"""What a verdict rests on beside the request: containers and networks of the engine, paths of the host.

Rules are pure. A rule that meets a name it knows nothing about raises `NeededError`; the caller finds the answer,
puts it into `Facts` and asks for a verdict again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from socket_proxy.refusal import RefusedError


@dataclass(frozen=True)
class Question:
    """`name` is a container's or network's name or id, or a host path below `root`."""

    kind: Literal["container", "network", "path"]
    name: str
    root: str = ""


class NeededError(Exception):
    """Raised by a rule that cannot decide before `question` is answered."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


@dataclass(frozen=True)
class Container:
    """`id` is the full one, `binds` are the host paths mounted into it."""

    id: str
    labels: Mapping[str, str]
    binds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    id: str
    name: str


@dataclass
class Facts:
    """Answers by name; None where the engine knows no such thing. A path's answer is its fault, empty when sound."""

    containers: dict[str, Container | None] = field(default_factory=dict)
    networks: dict[str, Network | None] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def container(self, name: str) -> Container:
        if name not in self.containers:
            raise NeededError(Question("container", name))
        found = self.containers[name]
        if found is None:
            raise RefusedError(f"No such container: {name}", status=404)
        return found

    def network(self, name: str) -> Network:
        if name not in self.networks:
            raise NeededError(Question("network", name))
        found = self.networks[name]
        if found is None:
            raise RefusedError(f"network {name} not found", status=404)
        return found

    def path_fault(self, path: str, root: str) -> str:
        if path not in self.paths:
            raise NeededError(Question("path", path, root))
        return self.paths[path]
