"""Calls on networks: the role's own, found by name and passed on under their full id."""

from socket_proxy import document
from socket_proxy.case import Allow, Case
from socket_proxy.document import Document
from socket_proxy.facts import Network
from socket_proxy.names import NAME
from socket_proxy.network_config import endpoint, network
from socket_proxy.shape import matching, record, string

_connection = record({"Container": matching(NAME, "a name"), "EndpointConfig": endpoint})


def inspect(case: Case) -> Allow:
    return case.allow(f"/networks/{_own_network(case).id}")


def connect(case: Case) -> Allow:
    own = _own_network(case)
    body = _connection(document.read(case.request.body), "", case.scope)
    name = string(body.get("Container"), "Container")
    changed: Document = {**body, "Container": case.own_container(name).id}
    return case.allow(f"/networks/{own.id}/connect", body=changed)


def _own_network(case: Case) -> Network:
    found = case.facts.network(case.names["network"])
    network(found.name, "network", case.scope)
    return found
