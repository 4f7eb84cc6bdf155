"""From a path that the flow sees to the one that the engine's machine has: a pure function of the flow's mounts."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from launchers.launching.errors import LaunchError


@dataclass(frozen=True)
class Mount:
    """One mount of the flow's own container; `source` is empty if it is in memory (tmpfs).

    `volume` is the name of a volume whose parts this engine mounts by name.
    """

    target: str
    source: str
    writable: bool = True
    volume: str = ""

    def __str__(self) -> str:
        return f"{self.target} from {self.source or 'memory'}"


@dataclass(frozen=True)
class HostPath:
    """A path on the engine's machine; whether the flow itself may write there, and whether it sees it at all.

    If it is in a volume that can be mounted by name, `volume` is that name and `below` the path inside it.
    """

    path: str
    writable: bool = True
    visible: bool = True
    volume: str = ""
    below: str = ""


def covers(directory: str, path: str) -> bool:
    """Whether the normalised absolute `path` is `directory` or is below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def translate(path: str, mounts: Sequence[Mount]) -> HostPath | None:
    """The host path behind the container path `path`; None where no mount with a source covers it.

    The deepest mount wins, as it does in the kernel. A container that may only read a mount cannot hand out more.
    """
    covering = [mount for mount in mounts if covers(mount.target, path)]
    mount = max(covering, key=lambda mount: len(mount.target), default=None)
    if mount is None or not mount.source:
        return None
    below = posixpath.relpath(path, mount.target)
    host = posixpath.normpath(posixpath.join(mount.source, below))
    return HostPath(host, mount.writable, volume=mount.volume, below=below if mount.volume else "")


def own_path(path: str, mounts: Sequence[Mount] | None) -> HostPath:
    """The host path of a file of the flow's own; without mounts (a plain process) the path itself.

    Raises LaunchError naming the path and the mounts where none covers it.
    """
    host = HostPath(path) if mounts is None else translate(path, mounts)
    if host is None:
        raise LaunchError(f"{path} is not on a mount of this container ({_listed(mounts)}): {_remedy(path)}")
    return host


def volume_path(path: str, mounts: Sequence[Mount] | None, allowed: Sequence[str]) -> HostPath:
    """The host path of a volume's source: a path on one of the flow's mounts, or a host path below `allowed`.

    Raises LaunchError naming the path, the mounts and the allowed paths where it is neither.
    """
    host = translate(path, mounts or ())
    if host is not None:
        return host
    if any(covers(prefix, path) for prefix in allowed):
        return HostPath(path, visible=mounts is None)
    below = f"not below an allowed host path ({', '.join(allowed) or 'none is set'})"
    if mounts is None:
        raise LaunchError(f"volume source {path} is {below}: add it to SITE_HOST_PATHS")
    raise LaunchError(
        f"volume source {path} is not on a mount of this container ({_listed(mounts)}) and {below}: "
        f"{_remedy(path)}, or add it to SITE_HOST_PATHS"
    )


def _listed(mounts: Sequence[Mount] | None) -> str:
    return ", ".join(map(str, sorted(mounts or (), key=lambda mount: mount.target))) or "it has none"


def _remedy(path: str) -> str:
    return f"mount {path} or a directory above it into this container"
