"""The verdict on a request: a function of the role, its limits, the request and the facts known so far."""

from collections.abc import Mapping
from dataclasses import dataclass

from socket_proxy import target
from socket_proxy.calls import Call
from socket_proxy.case import Allow, Ask, Case, Deny, Request, Verdict
from socket_proxy.facts import Facts, NeededError
from socket_proxy.limits import Limits
from socket_proxy.refusal import RefusedError
from socket_proxy.roles import Role


@dataclass(frozen=True)
class Policy:
    role: Role
    limits: Limits

    def decide(self, request: Request, facts: Facts) -> Verdict:
        try:
            return self._examine(request, facts)
        except NeededError as need:
            return Ask(need.question)
        except RefusedError as refusal:
            return Deny(refusal.status, refusal.explain(self.role.name), refusal.reason)

    def _examine(self, request: Request, facts: Facts) -> Allow:
        aim = target.parse(request.target)
        call, names = self._find(request.method, aim.path)
        call.check(aim.query, request.body)
        reach = self.role.reach_of(call)
        return call.examine(Case(request, aim.version, aim.query, call.path, names, self.limits, facts, reach))

    def _find(self, method: str, path: str) -> tuple[Call, Mapping[str, str]]:
        for call in self.role.calls.values():
            if (names := call.match(method, path)) is not None:
                return call, names
        raise RefusedError(f"{method} {path} is no call of this role")
