"""Which container the flow itself runs in, and what that container's mounts are: asked of the engine, never set."""

from __future__ import annotations

import posixpath
import re
import socket
from pathlib import Path
from typing import Any

from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.paths import Mount
from launchers.launching.errors import LaunchError

# cgroup v1, or v2 in the engine's own namespace: /docker/<id>, .../docker-<id>.scope, .../libpod-<id>.scope
_CGROUP_ID = re.compile(r"[/-]([0-9a-f]{64})(?:\.scope)?(?:/container)?$", re.MULTILINE)
# The engine mounts its own copies of these three; on the host, mountinfo names other containers' ids, but not there.
_MOUNT_ID = re.compile(
    r"^\S+ \S+ \S+ \S*?/(?:overlay-)?containers/(?:[^/\s]+/)?([0-9a-f]{64})/\S* /etc/(?:hostname|hosts|resolv\.conf) ",
    re.MULTILINE,
)
_SHORT_ID = re.compile(r"^[0-9a-f]{12}$")  # a container's default host name


def container_ids(cgroup: str, mountinfo: str) -> list[str]:
    """Ids that the calling process's container may have, the surest first; none for a process on the host.

    The cgroup comes first, since a container that shares another's network also shows that one's /etc/hostname.
    """
    return list(dict.fromkeys(_CGROUP_ID.findall(cgroup) + _MOUNT_ID.findall(mountinfo)))


def own_mounts(engine: Engine) -> list[Mount] | None:
    """The mounts of the container this process runs in; None where it shares the engine's file system.

    Raises LaunchError where this is a container of some other engine: no path here means anything to this one.
    """
    ids = container_ids(_read("/proc/self/cgroup"), _read("/proc/self/mountinfo"))
    hostname = socket.gethostname()
    for container in [*ids, *_SHORT_ID.findall(hostname)]:
        found = _inspect(engine, container)
        if found is not None:
            return mounts_of(found, engine.mounts_parts_of_volumes())
    # An engine started in this very container (nested, so of the same host name) sees the same files.
    if not ids or _host_name(engine) == hostname:
        return None
    raise LaunchError(
        f"the engine at {engine.host} does not know this container ({ids[0][:12]}), so it sees other files: "
        "give the flow the socket of the engine that runs it"
    )


def mounts_of(container: dict[str, Any], by_name: bool = False) -> list[Mount]:
    """The mounts in an engine's description of a container, those in memory with an empty source.

    `by_name`: the engine mounts a part of a volume by the volume's name, and so its path on the host is not needed.
    """
    listed = [_mount(mount, by_name) for mount in container["Mounts"]]
    in_memory = [Mount(posixpath.normpath(target), "") for target in container["HostConfig"].get("Tmpfs") or {}]
    return listed + in_memory


def _mount(mount: dict[str, Any], by_name: bool) -> Mount:
    volume = str(mount.get("Name", "")) if by_name and mount["Type"] == "volume" else ""
    return Mount(posixpath.normpath(mount["Destination"]), _source(mount), bool(mount.get("RW", True)), volume)


def _source(mount: dict[str, Any]) -> str:
    return "" if mount["Type"] == "tmpfs" else str(mount.get("Source", ""))


def _host_name(engine: Engine) -> str:
    """Of the engine's machine; empty behind a proxy, which does not tell it, and is never in this very container."""
    try:
        return str(engine.info()["Name"])
    except EngineError as error:
        if error.status == 403:
            return ""
        raise


def _inspect(engine: Engine, container: str) -> dict[str, Any] | None:
    try:
        return engine.inspect(container)
    except EngineError as error:
        if error.status == 404:
            return None
        raise


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
