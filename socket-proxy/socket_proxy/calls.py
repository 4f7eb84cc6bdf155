"""The calls of the engine's API that some role may make, as a table: what is not in it does not exist here.

Source: https://docs.docker.com/reference/api/engine/version/v1.45/ and what the Docker CLI 28, the Docker SDK for
Python 7 and Prefect's Docker worker (prefect-docker 0.7) were seen to send.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from socket_proxy import container_calls, image_calls, network_calls
from socket_proxy.case import Allow, Case
from socket_proxy.names import NAME
from socket_proxy.refusal import RefusedError

_GAPS = {"container": NAME, "network": NAME, "image": ".+"}
_FLAG = "[01]|[Tt]rue|[Ff]alse"
_OFF = "0|[Ff]alse"
_COUNT = "-?[0-9]{1,9}"
_TIME = "[0-9]{1,12}(\\.[0-9]{1,9})?"
_SIGNAL = "[A-Za-z0-9+-]{1,16}"
_PLATFORM = "[a-z0-9/._-]{1,64}"


def _plain(case: Case) -> Allow:
    return case.allow(case.template)


@dataclass(frozen=True)
class Call:
    """`query` gives the pattern that each allowed key's value must match; `has_body` that JSON comes with it."""

    method: str
    path: str
    examine: Callable[[Case], Allow] = _plain
    query: Mapping[str, str] = field(default_factory=dict)
    has_body: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", lambda gap: f"(?P<{gap[1]}>{_GAPS[gap[1]]})", self.path))

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        found = self._pattern.fullmatch(path) if method == self.method else None
        return found.groupdict() if found else None

    def check(self, query: Mapping[str, str], body: bytes) -> None:
        """Raises RefusedError for keys and values that the call does not take, and for a body where it takes none."""
        for key, value in query.items():
            if not re.fullmatch(self.query.get(key, r"(?!)"), value):
                raise RefusedError(f"{key} in the query of {self.method} {self.path} is refused")
        if body and not self.has_body:
            raise RefusedError(f"{self.method} {self.path} takes no body", status=400)


CALLS: Mapping[str, Call] = {
    "ping": Call("GET", "/_ping"),
    "ping-head": Call("HEAD", "/_ping"),
    "version": Call("GET", "/version"),
    "login": Call("POST", "/auth", image_calls.login, has_body=True),
    "image": Call("GET", "/images/{image}/json", image_calls.inspect),
    "pull": Call("POST", "/images/create", image_calls.pull, {"fromImage": ".+", "tag": ".+", "platform": _PLATFORM}),
    "network": Call("GET", "/networks/{network}", network_calls.inspect),
    "connect": Call("POST", "/networks/{network}/connect", network_calls.connect, has_body=True),
    "list": Call(
        "GET",
        "/containers/json",
        container_calls.listing,
        {"all": _FLAG, "limit": _COUNT, "size": _OFF, "trunc_cmd": _OFF, "filters": ".+"},
    ),
    "create": Call(
        "POST", "/containers/create", container_calls.create, {"name": NAME, "platform": _PLATFORM}, has_body=True
    ),
    "inspect": Call("GET", "/containers/{container}/json", container_calls.pass_on, {"size": _OFF}),
    "start": Call("POST", "/containers/{container}/start", container_calls.start),
    "attach": Call(
        "POST",
        "/containers/{container}/attach",
        container_calls.attach,
        dict.fromkeys(("logs", "stderr", "stdin", "stdout", "stream"), _FLAG),
    ),
    "logs": Call(
        "GET",
        "/containers/{container}/logs",
        container_calls.pass_on,
        {
            **dict.fromkeys(("follow", "stderr", "stdout", "timestamps"), _FLAG),
            **{"since": _TIME, "until": _TIME, "tail": "all|[0-9]{1,9}"},
        },
    ),
    "wait": Call(
        "POST",
        "/containers/{container}/wait",
        container_calls.pass_on,
        {"condition": "not-running|next-exit|removed"},
    ),
    "stop": Call("POST", "/containers/{container}/stop", container_calls.pass_on, {"t": _COUNT, "signal": _SIGNAL}),
    "kill": Call("POST", "/containers/{container}/kill", container_calls.pass_on, {"signal": _SIGNAL}),
    "delete": Call(
        "DELETE", "/containers/{container}", container_calls.pass_on, {"force": _FLAG, "v": _FLAG, "link": _OFF}
    ),
}
