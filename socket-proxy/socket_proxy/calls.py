"""The calls of the engine's API that some role may make, as a table; the proxy has no others.

Source: https://docs.docker.com/reference/api/engine/version/v1.45/ and what the Docker CLI 28, the Docker SDK for
Python 7 and Prefect's Docker worker (prefect-docker 0.7) were seen to send.

A call that names a container or network is passed on with its full id, so that a name cannot change hands between the
check and the call.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from socket_proxy import image, rules
from socket_proxy.case import ROLE_LABEL, RUN_LABEL, SITE_LABEL, Allow, Case, Container, Network, RefusedError
from socket_proxy.container import allowed_image, container_config
from socket_proxy.mounts import host_path
from socket_proxy.network import NAME, endpoint, free_name, network
from socket_proxy.rules import Document, Value, matching, record, string, text

_GAPS = {"container": NAME, "network": NAME, "image": ".+"}
_FLAG = "[01]|[Tt]rue|[Ff]alse"
_OFF = "0|[Ff]alse"
_COUNT = "-?[0-9]{1,9}"
_TIME = "[0-9]{1,12}(\\.[0-9]{1,9})?"
_SIGNAL = "[A-Za-z0-9+-]{1,16}"
_PLATFORM = "[a-z0-9/._-]{1,64}"

_LIST_QUERY = {"all": _FLAG, "limit": _COUNT, "size": _OFF, "trunc_cmd": _OFF, "filters": ".+"}
# Filters that only narrow the list. `before`, `since` and `volume` would reveal containers and volumes of others.
_FILTERS = ("exited", "id", "label", "name", "status")
_ONE_RUN = re.compile(rf"{re.escape(RUN_LABEL)}=[0-9a-f-]{{36}}")
_LOGIN_KEYS = ("email", "identitytoken", "password", "registrytoken", "username")
_HUB_LOGIN = "https://index.docker.io/v1/"
_TOKEN = re.compile(r"[A-Za-z0-9_=+/-]*")

_login_body = record(dict.fromkeys((*_LOGIN_KEYS, "serveraddress"), text))
_connect_body = record({"Container": matching(NAME, "a name"), "EndpointConfig": endpoint})


def _plain(case: Case) -> Allow:
    return case.allow(case.call_path)


def _inspect_image(case: Case) -> Allow:
    return case.allow(f"/images/{allowed_image(case.names['image'], case.scope).full}/json")


def _pull(case: Case) -> Allow:
    """Always one version: without a tag the engine would pull every tag of the repository."""
    name, version = case.query.get("fromImage", ""), case.query.get("tag", "")
    separator = "@" if version.startswith("sha256:") else ":"
    reference = allowed_image(f"{name}{separator}{version}" if version else name, case.scope)
    wanted = {"fromImage": reference.repository, "tag": reference.digest or reference.tag}
    token = _token(case.request.registry_auth)
    return case.allow("/images/create", query={**case.query, **wanted}, registry_auth=token)


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise RefusedError("X-Registry-Auth must be base64", status=400)
    return value


def _login(case: Case) -> Allow:
    """Only for registries of allowed images: the engine sends the login to the registry that the client names."""
    login = _login_body(rules.read(case.request.body), "", case.scope)
    registry = image.registry_of(string(login.get("serveraddress", ""), "serveraddress"))
    limits = case.scope.limits
    if registry not in {pattern.registry for pattern in limits.images}:
        raise RefusedError(f"{registry!r} is not the registry of an allowed image", limits.setting("IMAGES"))
    address = _HUB_LOGIN if registry == image.HUB else registry
    return case.allow("/auth", body=rules.write({**login, "serveraddress": address}))


def _inspect_network(case: Case) -> Allow:
    return case.allow(f"/networks/{_own_network(case).id}")


def _connect(case: Case) -> Allow:
    own = _own_network(case)
    body = _connect_body(rules.read(case.request.body), "", case.scope)
    container = case.own_container(string(body.get("Container"), "Container"))
    return case.allow(f"/networks/{own.id}/connect", body=rules.write({**body, "Container": container.id}))


def _own_network(case: Case) -> Network:
    found = case.scope.facts.network(case.names["network"])
    network(found.name, "network", case.scope)
    return found


def _list(case: Case) -> Allow:
    """The containers that the proxy made for this site, narrowed further by the client's filters."""
    return _narrowed(case, _filters(case.query.get("filters", "{}")), ROLE_LABEL)


def _list_of_run(case: Case) -> Allow:
    """The containers of the client's own role, for one flow run that the client names: what an earlier attempt of it
    left. The list of all would show the names of other runs' containers."""
    filters = _filters(case.query.get("filters", "{}"))
    if not any(_ONE_RUN.fullmatch(str(label)) for label in filters.get("label", [])):
        raise RefusedError(f"the list needs the filter label={RUN_LABEL}=ID, the flow run whose containers it shows")
    return _narrowed(case, filters, f"{ROLE_LABEL}={case.scope.limits.role}")


def _narrowed(case: Case, filters: dict[str, list[Value]], made: str) -> Allow:
    labels = [*filters.get("label", []), f"{SITE_LABEL}={case.scope.limits.site}", made]
    written = rules.write({**filters, "label": labels}).decode()
    return case.allow("/containers/json", query={**case.query, "filters": written})


def _filters(text: str) -> dict[str, list[Value]]:
    filters: Document = rules.read(text.encode(), "the filter")
    for key in filters:
        if key not in _FILTERS:
            raise RefusedError(f"the filter {key!r} is not one of {', '.join(_FILTERS)}")
    return {key: _filter_values(key, value) for key, value in filters.items()}


def _filter_values(key: str, value: Value) -> list[Value]:
    """The engine takes a list of values, and from older clients an object whose keys are the values."""
    values = list(value) if isinstance(value, list | dict) else []
    if not values or not all(isinstance(item, str) for item in values):
        raise RefusedError(f"the filter {key!r} must be a list of strings", status=400)
    return values


def _create(case: Case) -> Allow:
    free_name(case.query.get("name", ""), "the name", case.scope)
    body = container_config(rules.read(case.request.body), case.scope)
    return case.allow("/containers/create", body=rules.write(body))


def _on_container(case: Case) -> Allow:
    return case.allow(_container_path(case, _container(case)))


def _start(case: Case) -> Allow:
    """Checks the host paths once more, since the engine mounts them now."""
    container = _container(case)
    for path in container.binds:
        host_path(path, "the container's mount", case.scope)
    return case.allow(_container_path(case, container))


def _attach(case: Case) -> Allow:
    return case.allow(_container_path(case, _container(case)), hijack=case.request.upgrade)


def _container(case: Case) -> Container:
    return case.own_container(case.names["container"])


def _container_path(case: Case, container: Container) -> str:
    return case.call_path.format(container=container.id)


@dataclass(frozen=True)
class Call:
    """`query` maps each allowed key to the pattern of its value; `has_body`: the call takes JSON."""

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
        """Raises RefusedError for a key or value that the call does not take, and for an unexpected body."""
        for key, value in query.items():
            if not re.fullmatch(self.query.get(key, r"(?!)"), value):
                raise RefusedError(f"{key} in the query of {self.method} {self.path} is refused")
        if body and not self.has_body:
            raise RefusedError(f"{self.method} {self.path} takes no body", status=400)


CALLS: Mapping[str, Call] = {
    "ping": Call("GET", "/_ping"),
    "ping-head": Call("HEAD", "/_ping"),
    "version": Call("GET", "/version"),
    "login": Call("POST", "/auth", _login, has_body=True),
    "image": Call("GET", "/images/{image}/json", _inspect_image),
    "pull": Call("POST", "/images/create", _pull, {"fromImage": ".+", "tag": ".+", "platform": _PLATFORM}),
    "network": Call("GET", "/networks/{network}", _inspect_network),
    "connect": Call("POST", "/networks/{network}/connect", _connect, has_body=True),
    "list": Call("GET", "/containers/json", _list, _LIST_QUERY),
    "list-of-run": Call("GET", "/containers/json", _list_of_run, _LIST_QUERY),
    "create": Call("POST", "/containers/create", _create, {"name": NAME, "platform": _PLATFORM}, has_body=True),
    "inspect": Call("GET", "/containers/{container}/json", _on_container, {"size": _OFF}),
    "start": Call("POST", "/containers/{container}/start", _start),
    "attach": Call(
        "POST",
        "/containers/{container}/attach",
        _attach,
        dict.fromkeys(("logs", "stderr", "stdin", "stdout", "stream"), _FLAG),
    ),
    "logs": Call(
        "GET",
        "/containers/{container}/logs",
        _on_container,
        {
            **dict.fromkeys(("follow", "stderr", "stdout", "timestamps"), _FLAG),
            **{"since": _TIME, "until": _TIME, "tail": "all|[0-9]{1,9}"},
        },
    ),
    "wait": Call("POST", "/containers/{container}/wait", _on_container, {"condition": "not-running|next-exit|removed"}),
    "stop": Call("POST", "/containers/{container}/stop", _on_container, {"t": _COUNT, "signal": _SIGNAL}),
    "kill": Call("POST", "/containers/{container}/kill", _on_container, {"signal": _SIGNAL}),
    "delete": Call("DELETE", "/containers/{container}", _on_container, {"force": _FLAG, "v": _FLAG, "link": _OFF}),
}
