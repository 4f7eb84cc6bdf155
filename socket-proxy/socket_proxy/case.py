"""A request under examination, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from socket_proxy.document import Document, write
from socket_proxy.facts import Container, Facts, Question
from socket_proxy.limits import ROLE_LABEL, SITE_LABEL, Limits
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Scope


@dataclass(frozen=True)
class Request:
    """What a client sent, the body read to its end. Of the headers only these two are looked at or passed on."""

    method: str
    target: str
    body: bytes = b""
    registry_auth: str = ""
    upgrade: bool = False


@dataclass(frozen=True)
class Allow:
    """The request made for the engine; `hijack` where both sides then talk without HTTP."""

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
    """No verdict before `question` is answered."""

    question: Question


Verdict = Allow | Deny | Ask


@dataclass(frozen=True)
class Case:
    """`template` is the call's path and `names` what stands in its gaps; `reach` are the roles whose containers
    it may touch."""

    request: Request
    version: str
    query: Mapping[str, str]
    template: str
    names: Mapping[str, str]
    limits: Limits
    facts: Facts
    reach: frozenset[str]

    @property
    def scope(self) -> Scope:
        return Scope(self.limits, self.facts)

    def own_container(self, name: str) -> Container:
        """The container of that name or id; raises RefusedError unless it is the site's and of a role within reach."""
        container = self.facts.container(name)
        labels = container.labels
        if labels.get(SITE_LABEL) != self.limits.site or labels.get(ROLE_LABEL) not in self.reach:
            raise RefusedError(f"container {name} is no run of this site that this role may touch")
        return container

    def allow(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        registry_auth: str = "",
        hijack: bool = False,
    ) -> Allow:
        """The request for the engine: only what was examined goes into it; `query` defaults to the client's own."""
        encoded = urlencode(self.query if query is None else query)
        target = f"{self.version}{path}{'?' if encoded else ''}{encoded}"
        return Allow(self.request.method, target, b"" if body is None else write(body), registry_auth, hijack)
