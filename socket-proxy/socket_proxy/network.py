"""The networks that a container joins, and its names there: its own name, its host name and its aliases."""

from socket_proxy.case import RefusedError, Scope
from socket_proxy.rules import Document, Rule, Value, each, mapping, matching, record, string

ENGINE_NETWORKS = frozenset({"bridge", "default", "host", "none"})
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}"
_name = matching(f"({NAME})?", "a name")


def free_name(value: Value, name: str, scope: Scope) -> Value:
    """A name that no service of the site has.

    The engine's DNS answers to each name. Without this rule, clients of the site's API would send their calls and
    login to a container called `server`.
    """
    text = str(_name(value, name, scope))
    if {text.casefold(), text.partition(".")[0].casefold()} & scope.limits.reserved_names:
        raise RefusedError(f"{name} {text!r} is reserved for a service of the site")
    return text


# No fixed addresses, links or driver options: an address can be that of a stopped service.
endpoint: Rule = record({"Aliases": each(free_name)})


def network(value: Value, name: str, scope: Scope) -> str:
    """The name of an allowed network; never an id or `container:...`."""
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
