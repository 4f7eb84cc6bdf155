"""One request, what is known about it, and the verdict: passed on, refused, or not yet possible.

The rules are pure functions. A rule that needs to know more about a container, a network or a host path raises
`UnknownError` with a question; the caller asks the engine, adds the answer to `Facts` and asks for the verdict again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from socket_proxy.image import Pattern

SITE_LABEL = "site"  # on every container, network and volume of a site
ROLE_LABEL = "site.managed"  # only on containers made through this proxy; its value is the role that made them
RUN_LABEL = "io.prefect.flow-run-id"  # on a flow run's container, and on those that it launched


class RefusedError(Exception):
    """Raised by a rule; `reason` never contains a value that could be a secret (environment, password, token).

    `setting` names the setting that would allow the request, or is empty. `status` is the HTTP status.
    """

    def __init__(self, reason: str, setting: str = "", status: int = 403) -> None:
        super().__init__(reason)
        self.reason = reason
        self.setting = setting
        self.status = status

    def explain(self, role: str) -> str:
        """The one line that a client shows to its user."""
        if self.status == 404:
            return self.reason  # clients look for the engine's own words, "No such container"
        if self.status != 403:
            return f"socket proxy ({role}): {self.reason}"
        remedy = f"{self.setting} would allow it" if self.setting else "no setting allows it"
        return f"socket proxy ({role}): {self.reason}; {remedy}"


@dataclass(frozen=True)
class Question:
    """`name` is the name or id of a container or network, or a host path below `root`."""

    kind: Literal["container", "network", "path"]
    name: str
    root: str = ""


class UnknownError(Exception):
    """Raised by a rule that needs the answer to `question` first."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


@dataclass(frozen=True)
class Container:
    """`id` is the full id, `binds` are the host paths mounted into the container."""

    id: str
    labels: Mapping[str, str]
    binds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    id: str
    name: str


@dataclass
class Facts:
    """Answers by name. None: the engine has nothing with this name. A path's answer is its fault, or empty."""

    containers: dict[str, Container | None] = field(default_factory=dict)
    networks: dict[str, Network | None] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def container(self, name: str) -> Container:
        if name not in self.containers:
            raise UnknownError(Question("container", name))
        found = self.containers[name]
        if found is None:
            raise RefusedError(f"No such container: {name}", status=404)
        return found

    def network(self, name: str) -> Network:
        if name not in self.networks:
            raise UnknownError(Question("network", name))
        found = self.networks[name]
        if found is None:
            raise RefusedError(f"network {name} not found", status=404)
        return found

    def path_fault(self, path: str, root: str) -> str:
        if path not in self.paths:
            raise UnknownError(Question("path", path, root))
        return self.paths[path]


@dataclass(frozen=True)
class Limits:
    """What one role on one site may ask for, from the settings. `prefix` is the prefix of these settings, for messages.

    `bind_paths` and `volumes` map each path or volume to whether it may be mounted for writing.
    """

    site: str
    role: str
    prefix: str
    images: tuple[Pattern, ...] = ()
    networks: frozenset[str] = frozenset()
    bind_paths: Mapping[str, bool] = field(default_factory=dict)
    volumes: Mapping[str, bool] = field(default_factory=dict)
    gpus: bool = False
    reserved_names: frozenset[str] = frozenset()

    def setting(self, name: str) -> str:
        return f"{self.prefix}_{name}"

    def labels(self) -> dict[str, str]:
        return {SITE_LABEL: self.site, ROLE_LABEL: self.role}


@dataclass(frozen=True)
class Scope:
    """What a rule for a JSON value may use in addition to the value."""

    limits: Limits
    facts: Facts


@dataclass(frozen=True)
class Request:
    """What a client sent, with the whole body. The proxy uses only these two of the headers."""

    method: str
    target: str
    body: bytes = b""
    registry_auth: str = ""
    upgrade: bool = False


@dataclass(frozen=True)
class Allow:
    """The request for the engine. `hijack`: both sides stop to speak HTTP after it."""

    method: str
    target: str
    body: bytes = b""
    registry_auth: str = ""
    hijack: bool = False


@dataclass(frozen=True)
class Deny:
    """`message` is for the client, `reason` for the log."""

    status: int
    message: str
    reason: str


@dataclass(frozen=True)
class Ask:
    """The verdict needs the answer to `question` first."""

    question: Question


Verdict = Allow | Deny | Ask


@dataclass(frozen=True)
class Case:
    """`call_path` is the path of the call with its gaps, `names` is what the client wrote into them; `reach` are the
    roles whose containers the request may use."""

    request: Request
    version: str
    query: Mapping[str, str]
    call_path: str
    names: Mapping[str, str]
    scope: Scope
    reach: frozenset[str]

    def own_container(self, name: str) -> Container:
        """The container with this name or id; raises RefusedError unless the site made it for a role in `reach`."""
        container = self.scope.facts.container(name)
        labels = container.labels
        if labels.get(SITE_LABEL) != self.scope.limits.site or labels.get(ROLE_LABEL) not in self.reach:
            raise RefusedError(f"container {name} is not a run of this site that this role may use")
        return container

    def allow(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        registry_auth: str = "",
        hijack: bool = False,
    ) -> Allow:
        """The request for the engine, made only of examined parts; `query` defaults to the client's."""
        encoded = urlencode(self.query if query is None else query)
        target = f"{self.version}{path}{'?' if encoded else ''}{encoded}"
        return Allow(self.request.method, target, body, registry_auth, hijack)
