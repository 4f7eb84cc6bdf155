"""HostConfig of a container: the part that touches the host. What is not listed here is refused.

Source of the keys: the engine's API 1.45, https://docs.docker.com/reference/api/engine/version/v1.45/
"""

from socket_proxy.devices import device_requests
from socket_proxy.document import Value
from socket_proxy.mounts import bind, mount, target, tmpfs_options
from socket_proxy.network_config import network_mode
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import (
    INT64,
    Rule,
    Scope,
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

# Hard limits up to which a container may raise its own: 1048576 is what a kernel allows by default (fs.nr_open),
# locked memory counts towards the container's memory limit and GPU libraries ask for all of it.
_ULIMITS = {"core": (0, 0), "memlock": (-1, INT64), "nofile": (0, 1048576), "nproc": (1, 65536), "stack": (0, 2**30)}
MOUNTS = 64  # of a kind: more than any run here has
_CPUS = matching(r"[0-9,-]*", "a list of CPU numbers")

# A driver that sends logs elsewhere would have the engine itself make connections for the client.
_log_config = record(
    {
        "Type": one_of("", "json-file", "local"),
        "Config": record({key: matching(r"[0-9]+[kmg]?", "a number") for key in ("max-size", "max-file")}),
    }
)


def _ulimit(value: Value, name: str, scope: Scope) -> Value:
    kind = string(mapping(value, name).get("Name"), f"{name}.Name")
    if kind not in _ULIMITS:
        raise RefusedError(f"{name}.Name {kind!r} is none of {', '.join(_ULIMITS)}")
    within = number(*_ULIMITS[kind])
    return record({"Name": text, "Soft": within, "Hard": within})(value, name, scope)


HOST_CONFIG: dict[str, Rule] = {
    "AutoRemove": flag,
    "Binds": each(bind, MOUNTS),
    "CapDrop": each(matching(r"[A-Za-z_]+", "a capability")),
    "CgroupnsMode": one_of("", "private"),
    "ConsoleSize": each(number(0, 65535)),
    "CpuPeriod": number(),
    "CpuQuota": number(-1),
    "CpuShares": number(),
    "CpusetCpus": _CPUS,
    "CpusetMems": _CPUS,
    "DeviceRequests": device_requests,
    "ExtraHosts": each(matching(r"[A-Za-z0-9._-]+[:=](host-gateway|[0-9A-Fa-f:.]+)", "NAME:ADDRESS")),
    "GroupAdd": each(matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a group")),
    "Init": flag,
    "IpcMode": one_of("", "none", "private"),
    "LogConfig": _log_config,
    "Memory": number(),
    "MemoryReservation": number(),
    "MemorySwap": number(-1),
    "MemorySwappiness": number(-1, 100),
    "Mounts": each(mount, MOUNTS),
    "NanoCpus": number(),
    "NetworkMode": network_mode,
    "PidsLimit": number(-1),
    "ReadonlyRootfs": flag,
    # The engine restarts a container without asking anybody, and would then follow a link made in the meantime.
    "RestartPolicy": record({"Name": one_of("", "no"), "MaximumRetryCount": number(0, 0)}),
    "SecurityOpt": each(one_of("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")),
    "ShmSize": number(),
    "Tmpfs": table(target, tmpfs_options),
    "Ulimits": each(_ulimit),
}

_listed = record(HOST_CONFIG)


def host_config(value: Value, name: str, scope: Scope) -> Value:
    config = _listed(value, name, scope)
    if "NetworkMode" not in config:  # the engine would take its own bridge, shared with containers of others
        network_mode("default", f"{name}.NetworkMode", scope)
    return config
