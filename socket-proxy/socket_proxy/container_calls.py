"""Calls on containers. Each is passed on under the container's full id, so a name cannot change hands in between."""

from socket_proxy import document
from socket_proxy.case import Allow, Case
from socket_proxy.container_config import container_config
from socket_proxy.document import Document, Value
from socket_proxy.facts import Container
from socket_proxy.limits import ROLE_LABEL, SITE_LABEL
from socket_proxy.mounts import host_path
from socket_proxy.names import free_name
from socket_proxy.refusal import RefusedError

# Filters that only narrow the list; before, since and volume would tell of containers and volumes of others.
_FILTERS = ("exited", "id", "label", "name", "status")


def create(case: Case) -> Allow:
    free_name(case.query.get("name", ""), "the name", case.scope)
    body = container_config(document.read(case.request.body), case.scope)
    return case.allow("/containers/create", body=body)


def pass_on(case: Case) -> Allow:
    """inspect, logs, wait, stop, kill, delete."""
    return case.allow(_path(case, case.own_container(case.names["container"])))


def start(case: Case) -> Allow:
    """Mounts are made at the start, so the host paths are looked at once more."""
    container = case.own_container(case.names["container"])
    for path in container.binds:
        host_path(path, "the container's mount", case.scope)
    return case.allow(_path(case, container))


def attach(case: Case) -> Allow:
    container = case.own_container(case.names["container"])
    return case.allow(_path(case, container), hijack=case.request.upgrade)


def _path(case: Case, container: Container) -> str:
    return case.template.format(container=container.id)


def listing(case: Case) -> Allow:
    """The containers of this site that were made through the proxy, and of those what the client's filters leave."""
    filters = _filters(case.query.get("filters", "{}"))
    filters["label"] = [*filters.get("label", []), f"{SITE_LABEL}={case.limits.site}", ROLE_LABEL]
    query = {**case.query, "filters": document.write({**filters}).decode()}
    return case.allow("/containers/json", query=query)


def _filters(text: str) -> dict[str, list[Value]]:
    given: Document = document.read(text.encode(), "the filter")
    for key in given:
        if key not in _FILTERS:
            raise RefusedError(f"the filter {key!r} is none of {', '.join(_FILTERS)}")
    return {key: _filter_values(key, value) for key, value in given.items()}


def _filter_values(key: str, value: Value) -> list[Value]:
    """The engine takes a list of values, and an object with values for keys from older clients."""
    values = list(value) if isinstance(value, list | dict) else []
    if not values or not all(isinstance(item, str) for item in values):
        raise RefusedError(f"the filter {key!r} is no list of texts", status=400)
    return values
