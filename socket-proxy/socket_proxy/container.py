"""What a container may be: the body of containers/create, as tables of rules. A key that is not here is refused.

Source of the keys: the engine's API 1.45, https://docs.docker.com/reference/api/engine/version/v1.45/
"""

from socket_proxy import image
from socket_proxy.case import RefusedError, Scope
from socket_proxy.mounts import bind, mount, target, tmpfs_options
from socket_proxy.network import endpoints, free_name, network_mode
from socket_proxy.rules import (
    INT64,
    Document,
    Rule,
    Value,
    each,
    flag,
    mapping,
    matching,
    number,
    one_of,
    record,
    string,
    table,
    text,
)

# Hard limits up to which a container may raise its own: 1048576 is what a kernel allows by default (fs.nr_open).
# Locked memory counts towards the container's memory limit, and GPU libraries ask for all of it.
_ULIMITS = {"core": (0, 0), "memlock": (-1, INT64), "nofile": (0, 1048576), "nproc": (1, 65536), "stack": (0, 2**30)}
_MOUNTS = 64  # of a kind: more than any run here has
_CPUS = matching(r"[0-9,-]*", "a list of CPU numbers")
# Compose takes a container with its labels for one of its services, and may scale or remove others instead of it.
_ENGINE_LABELS = "com.docker."


def allowed_image(value: str, scope: Scope) -> image.Reference:
    """Raises RefusedError for what is not a reference, or not an image that the role may use."""
    try:
        reference = image.parse(value)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    if not any(pattern.allows(reference) for pattern in scope.limits.images):
        reason = f"image {reference.full!r} is not one that this role may use"
        raise RefusedError(reason, scope.limits.setting("IMAGES"))
    return reference


def _image(value: Value, name: str, scope: Scope) -> Value:
    return allowed_image(string(value, name), scope).full


def _labels(value: Value, name: str, scope: Scope) -> Value:
    """The client's labels and the site's; raises RefusedError if they contradict each other."""
    ours = scope.limits.labels()
    theirs: Document = {key: string(item, f"{name}[{key!r}]") for key, item in mapping(value, name).items()}
    for key in theirs:
        _check_label(key, theirs[key], ours, name)
    return {**theirs, **ours}


def _check_label(key: str, value: Value, ours: dict[str, str], name: str) -> None:
    if key.startswith(_ENGINE_LABELS):
        raise RefusedError(f"{name}: {key!r} is a label of the engine's own tools")
    if key in ours and value != ours[key]:
        raise RefusedError(f"{name}: {key!r} is set by the proxy, to {ours[key]!r}")


def _command(value: Value, name: str, scope: Scope) -> Value:
    """A list of words, or one word alone."""
    return string(value, name) if isinstance(value, str) else each(text)(value, name, scope)


def _variable(value: Value, name: str, _scope: Scope) -> Value:
    """NAME=VALUE. Podman takes a name alone from its own environment, and `*` is all of that. No refusal shows it."""
    if not string(value, name).partition("=")[1]:
        raise RefusedError(f"{name} is not NAME=VALUE")
    return value


def _ulimit(value: Value, name: str, scope: Scope) -> Value:
    kind = string(mapping(value, name).get("Name"), f"{name}.Name")
    if kind not in _ULIMITS:
        raise RefusedError(f"{name}.Name {kind!r} is not one of {', '.join(_ULIMITS)}")
    within = number(*_ULIMITS[kind])
    return record({"Name": text, "Soft": within, "Hard": within})(value, name, scope)


# Graphics cards. The driver "cdi" would hand out whatever the host's CDI files name.
_devices = each(
    record(
        {
            "Driver": one_of("", "nvidia"),
            "Count": number(-1, 1024),
            "DeviceIDs": each(matching(r"[A-Za-z0-9-]+", "a card's number or UUID")),
            "Capabilities": each(each(one_of("gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video"))),
        }
    )
)


def _device_requests(value: Value, name: str, scope: Scope) -> Value:
    if value and not scope.limits.gpus:
        raise RefusedError(f"{name} is refused", scope.limits.setting("GPUS"))
    return _devices(value, name, scope)


# With other drivers the engine itself would make connections for the client.
_log_config = record(
    {
        "Type": one_of("", "json-file", "local"),
        "Config": record({key: matching(r"[0-9]+[kmg]?", "a number") for key in ("max-size", "max-file")}),
    }
)

# The part that touches the host.
_HOST_CONFIG: dict[str, Rule] = {
    "AutoRemove": flag,
    "Binds": each(bind, _MOUNTS),
    "CapDrop": each(matching(r"[A-Za-z_]+", "a capability")),
    "CgroupnsMode": one_of("", "private"),
    "ConsoleSize": each(number(0, 65535)),
    "CpuPeriod": number(),
    "CpuQuota": number(-1),
    "CpuShares": number(),
    "CpusetCpus": _CPUS,
    "CpusetMems": _CPUS,
    "DeviceRequests": _device_requests,
    "ExtraHosts": each(matching(r"[A-Za-z0-9._-]+[:=](host-gateway|[0-9A-Fa-f:.]+)", "NAME:ADDRESS")),
    "GroupAdd": each(matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a group")),
    "Init": flag,
    "IpcMode": one_of("", "none", "private"),
    "LogConfig": _log_config,
    "Memory": number(),
    "MemoryReservation": number(),
    "MemorySwap": number(-1),
    "MemorySwappiness": number(-1, 100),
    "Mounts": each(mount, _MOUNTS),
    "NanoCpus": number(),
    "NetworkMode": network_mode,
    "PidsLimit": number(-1),
    "ReadonlyRootfs": flag,
    # The engine restarts a container without a request, and would then follow a link made in the meantime.
    "RestartPolicy": record({"Name": one_of("", "no"), "MaximumRetryCount": number(0, 0)}),
    "SecurityOpt": each(one_of("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")),
    "ShmSize": number(),
    "Tmpfs": table(target, tmpfs_options),
    "Ulimits": each(_ulimit),
}
_listed_host_config = record(_HOST_CONFIG)


def _host_config(value: Value, name: str, scope: Scope) -> Value:
    config = _listed_host_config(value, name, scope)
    if "NetworkMode" not in config:  # the engine would use its own bridge, shared with containers of others
        network_mode("default", f"{name}.NetworkMode", scope)
    return config


_nothing = record({})
_healthcheck = record(
    {
        "Test": each(text),
        **dict.fromkeys(("Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"), number()),
    }
)
_CONFIG: dict[str, Rule] = {
    **dict.fromkeys(("AttachStderr", "AttachStdin", "AttachStdout", "OpenStdin", "StdinOnce", "Tty"), flag),
    "Cmd": _command,
    "Entrypoint": _command,
    "Env": each(_variable),
    "ExposedPorts": table(matching(r"[0-9]{1,5}(/[a-z]+)?", "a port"), _nothing),
    "Healthcheck": _healthcheck,
    "HostConfig": _host_config,
    "Hostname": free_name,
    "Image": _image,
    "Labels": _labels,
    "NetworkingConfig": record({"EndpointsConfig": endpoints}),
    "StopSignal": text,
    "StopTimeout": number(-1),
    "User": text,
    "Volumes": table(target, _nothing),
    "WorkingDir": text,
}
_listed_config = record(_CONFIG)


def container_config(body: Document, scope: Scope) -> Document:
    """What is passed on for `body`; raises RefusedError at the first part that does not pass."""
    required: Document = {"Image": "", "HostConfig": {}, "Labels": {}}
    present: Document = {key: value for key, value in body.items() if value is not None}
    return _listed_config(required | present, "", scope)
