"""The body of containers/create."""

from socket_proxy.document import Document, Value
from socket_proxy.host_config import host_config
from socket_proxy.image import Reference, parse
from socket_proxy.labels import labels
from socket_proxy.mounts import target
from socket_proxy.names import free_name
from socket_proxy.network_config import endpoints
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Rule, Scope, each, flag, matching, number, record, string, table, text

_empty = record({})


def allowed_image(value: str, scope: Scope) -> Reference:
    """Raises RefusedError for what is no reference or none that the role may use."""
    try:
        reference = parse(value)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    if not any(pattern.allows(reference) for pattern in scope.limits.images):
        reason = f"image {reference.full!r} is not one that this role may use"
        raise RefusedError(reason, scope.limits.setting("IMAGES"))
    return reference


def _image(value: Value, name: str, scope: Scope) -> Value:
    return allowed_image(string(value, name), scope).full


def _words(value: Value, name: str, scope: Scope) -> Value:
    """A command: a list of words, or one word alone."""
    return string(value, name) if isinstance(value, str) else each(text)(value, name, scope)


def _variable(value: Value, name: str, _scope: Scope) -> Value:
    """NAME=VALUE. A name alone Podman takes from its own environment, and `*` is all of that. No refusal shows it."""
    if not string(value, name).partition("=")[1]:
        raise RefusedError(f"{name} is not NAME=VALUE")
    return value


_healthcheck = record(
    {
        "Test": each(text),
        **{key: number() for key in ("Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")},
    }
)

_CONFIG: dict[str, Rule] = {
    **dict.fromkeys(("AttachStderr", "AttachStdin", "AttachStdout", "OpenStdin", "StdinOnce", "Tty"), flag),
    "Cmd": _words,
    "Entrypoint": _words,
    "Env": each(_variable),
    "ExposedPorts": table(matching(r"[0-9]{1,5}(/[a-z]+)?", "a port"), _empty),
    "Healthcheck": _healthcheck,
    "HostConfig": host_config,
    "Hostname": free_name,
    "Image": _image,
    "Labels": labels,
    "NetworkingConfig": record({"EndpointsConfig": endpoints}),
    "StopSignal": text,
    "StopTimeout": number(-1),
    "User": text,
    "Volumes": table(target, _empty),
    "WorkingDir": text,
}
_listed = record(_CONFIG)


def container_config(body: Document, scope: Scope) -> Document:
    """What is passed on for `body`; raises RefusedError at the first thing that does not pass."""
    required: Document = {"Image": "", "HostConfig": {}, "Labels": {}}
    given: Document = {key: value for key, value in body.items() if value is not None}
    return _listed(required | given, "", scope)
