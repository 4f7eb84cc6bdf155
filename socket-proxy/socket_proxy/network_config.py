"""The networks a container joins: the role's own, under names that are nobody else's."""

from socket_proxy.document import Document, Value
from socket_proxy.limits import ENGINE_NETWORKS
from socket_proxy.names import free_name
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Rule, Scope, each, mapping, record, string

# Fixed addresses, links and driver options are left out: an address can be a stopped service's.
endpoint: Rule = record({"Aliases": each(free_name)})


def network(value: Value, name: str, scope: Scope) -> str:
    """The name of an allowed network; ids and `container:...` are no names."""
    text = string(value, name)
    if text in scope.limits.networks:
        return text
    builtin = text in ENGINE_NETWORKS or not text or ":" in text
    allowed = ", ".join(sorted(scope.limits.networks)) or "none"
    raise RefusedError(
        f"{name} {text!r} is not a network of this role ({allowed})",
        "" if builtin else scope.limits.setting("NETWORKS"),
    )


def network_mode(value: Value, name: str, scope: Scope) -> Value:
    return "none" if value == "none" else network(value, name, scope)


def endpoints(value: Value, name: str, scope: Scope) -> Value:
    joined: Document = {}
    for key, settings in mapping(value, name).items():
        joined[network(key, name, scope)] = None if settings is None else endpoint(settings, f"{name}.{key}", scope)
    return joined
