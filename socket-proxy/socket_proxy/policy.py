"""Who may call what, and the verdict on a request.

The verdict is a pure function of the role, its limits, the request and the facts known so far.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from socket_proxy.calls import CALLS, Call
from socket_proxy.case import Allow, Ask, Case, Deny, Facts, Limits, RefusedError, Request, Scope, UnknownError, Verdict

_VERSION = re.compile(r"/v1\.([0-9]{1,2})(?=/)")
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9_.:@-]+)+")
# Older versions have looser defaults (a shareable IPC namespace, the host's cgroup namespace). Podman speaks 1.41.
_OLDEST = 41
_MOST_FIELDS = 32

_SESSION = {"ping", "ping-head", "version"}
_CREATE = {"login", "image", "pull", "create", "inspect", "start", "wait", "stop", "logs"}


@dataclass(frozen=True)
class Role:
    """`reach` are the roles whose containers its calls may use; `inspects` are further roles that it may inspect."""

    name: str
    calls: Mapping[str, Call]
    reach: frozenset[str]
    inspects: frozenset[str] = frozenset()

    @property
    def creates(self) -> bool:
        return "create" in self.calls

    def reach_of(self, call: Call) -> frozenset[str]:
        return self.reach | self.inspects if call is CALLS["inspect"] else self.reach


def _role(name: str, calls: set[str], reach: Iterable[str], inspects: Iterable[str] = ()) -> Role:
    return Role(name, {key: CALLS[key] for key in CALLS if key in calls}, frozenset(reach), frozenset(inspects))


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        # Prefect's Docker worker.
        _role("worker", _SESSION | _CREATE | {"network", "connect"}, {"worker"}),
        # A flow that runs containers beside its own container, whose mounts it must be able to look up. A later attempt
        # of its run looks for the containers that the earlier ones left.
        _role("launcher", _SESSION | _CREATE | {"list-of-run", "attach", "kill", "delete"}, {"launcher"}, {"worker"}),
        # Ends and removes what a killed worker left behind.
        _role("reaper", _SESSION | {"list", "inspect", "stop", "kill", "delete"}, {"worker", "launcher"}),
    )
}


@dataclass(frozen=True)
class Policy:
    role: Role
    limits: Limits

    def decide(self, request: Request, facts: Facts) -> Verdict:
        try:
            return self._examine(request, Scope(self.limits, facts))
        except UnknownError as unknown:
            return Ask(unknown.question)
        except RefusedError as refusal:
            return Deny(refusal.status, refusal.explain(self.role.name), refusal.reason)

    def _examine(self, request: Request, scope: Scope) -> Allow:
        version, path, query = _split(request.target)
        call, names = self._find(request.method, path)
        call.check(query, request.body)
        return call.examine(Case(request, version, query, call.path, names, scope, self.role.reach_of(call)))

    def _find(self, method: str, path: str) -> tuple[Call, Mapping[str, str]]:
        for call in self.role.calls.values():
            if (names := call.match(method, path)) is not None:
                return call, names
        raise RefusedError(f"this role may not call {method} {path}")


def _split(target: str) -> tuple[str, str, dict[str, str]]:
    """`/v1.45/containers/json?all=1` as version (`/v1.45` or empty), path and query.

    Raises RefusedError for a target that could mean two things, and for an old version of the API.
    """
    path, _, query = target.partition("?")
    version = _VERSION.match(path)
    if version and int(version[1]) < _OLDEST:
        raise RefusedError(f"API version 1.{version[1]} is older than 1.{_OLDEST}")
    return version[0] if version else "", _path(path[version.end() :] if version else path), _query(query)


def _path(text: str) -> str:
    """Only ':' and '@' of an image's name may be encoded, as the Docker SDK for Python sends them."""
    path = re.sub("%3A", ":", re.sub("%40", "@", text), flags=re.IGNORECASE)
    if not _PATH.fullmatch(path):
        raise RefusedError("the path has empty, dotted or encoded parts, or characters that no call has", status=400)
    return path


def _query(text: str) -> dict[str, str]:
    """Each key once, without empty values."""
    try:
        pairs = parse_qsl(text, True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise RefusedError("the query is malformed", status=400) from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise RefusedError("the query has a key twice", status=400)
    return {key: value for key, value in query.items() if value}
