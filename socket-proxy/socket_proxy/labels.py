"""Labels of a container: the client's own, and those by which the site knows the containers that it made."""

from socket_proxy.document import Document, Value
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Scope, mapping, string

# Compose takes a container with its labels for one of its services, and may scale or remove others in its place.
_ENGINES_OWN = "com.docker."


def labels(value: Value, name: str, scope: Scope) -> Value:
    """The client's labels and the site's; raises RefusedError where they would contradict."""
    ours = scope.limits.labels()
    theirs: Document = {key: string(item, f"{name}[{key!r}]") for key, item in mapping(value, name).items()}
    for key in theirs:
        _refuse_foreign(key, theirs[key], ours, name)
    return {**theirs, **ours}


def _refuse_foreign(key: str, value: Value, ours: dict[str, str], name: str) -> None:
    if key.startswith(_ENGINES_OWN):
        raise RefusedError(f"{name}: {key!r} is a label of the engine's own tools")
    if key in ours and value != ours[key]:
        raise RefusedError(f"{name}: {key!r} is set by the proxy, to {ours[key]!r}")
