"""Names that a container gets on the site's network: its own, its host name and its aliases.

The engine's DNS answers to each of them. A container called `server` would be given the calls, and with them the
login, of those who mean the site's API.
"""

from socket_proxy.document import Value
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Scope, matching

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}"
_name = matching(f"({NAME})?", "a name")


def free_name(value: Value, name: str, scope: Scope) -> Value:
    text = str(_name(value, name, scope))
    if {text.casefold(), text.partition(".")[0].casefold()} & scope.limits.reserved_names:
        raise RefusedError(f"{name} {text!r} is the name of a service of the site")
    return text
