"""Who may call what: one listening address per role, and one row here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from socket_proxy.calls import CALLS, Call

_SESSION = {"ping", "ping-head", "version"}
_CREATE = {"login", "image", "pull", "create", "inspect", "start", "wait", "stop", "logs"}


@dataclass(frozen=True)
class Role:
    """`reach` are the roles whose containers its calls may touch; `inspects` those it may inspect besides."""

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
        # A flow that runs containers of its own beside its own container, whose mounts it must be able to look up.
        _role("launcher", _SESSION | _CREATE | {"attach", "kill", "delete"}, {"launcher"}, {"worker"}),
        # Ends and removes what a killed worker left.
        _role("reaper", _SESSION | {"list", "inspect", "stop", "kill", "delete"}, {"worker", "launcher"}),
    )
}
