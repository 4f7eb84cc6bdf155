"""What is mounted into a container: host paths, volumes and memory.

The engine follows symbolic links in the source of a mount, and anybody who may write below an allowed path can make
one. So the proxy checks each path before it passes it on. For this it needs the allowed paths mounted into its own
container, read-only and at the host's own paths.
"""

import re
import stat
from pathlib import Path

from socket_proxy.case import RefusedError, Scope
from socket_proxy.rules import Rule, Value, flag, mapping, matching, number, one_of, record, string

# No setting can allow these: write or read access here is access to the host (CIS Docker Benchmark 5.5, 5.31).
FORBIDDEN = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr", "/var/run"),
    *("/var/lib/containerd", "/var/lib/containers", "/var/lib/docker"),
)
_MODES = ("", "ro", "rw")  # z and Z would relabel the host's files, rshared would carry mounts out to the host
# Podman writes a mount as one line of options, separated by commas, and reads it again: a comma would start another
# option, such as a volume that binds the root of the host.
_TARGET = r'/[^:,"\x00-\x1f]*'
_NO_OPTIONS = re.compile(r'[^,"]*')
_SUBPATH = r'(?!/)(?!.*\.\.)[^,"\x00-\x1f]*'
_TMPFS_OPTION = r"(ro|rw|noexec|nosuid|nodev|size=[0-9]+[kmg%]?|mode=[0-7]{3,4}|uid=[0-9]+|gid=[0-9]+)"

target: Rule = matching(_TARGET, "an absolute path without ':', ',' and quotes")
tmpfs_options: Rule = matching(
    f"({_TMPFS_OPTION}(,{_TMPFS_OPTION})*)?", "a list of size=, mode=, uid=, gid=, ro, rw, noexec, nosuid, nodev"
)


def normal_path(path: str) -> str:
    """An absolute path without empty or single-dot parts; raises ValueError for a relative path and for `..`."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or ".." in parts or not path.isprintable():
        raise ValueError(f"{path!r} is not an absolute path without '..'")
    return "/" + "/".join(parts)


def is_below(path: str, root: str) -> bool:
    """True for the root itself and everything in it; both paths are normal."""
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def overlaps(path: str, forbidden: str) -> bool:
    """True if a mount of `path` shows a part of `forbidden`, or the other way round."""
    return is_below(path, forbidden) or is_below(forbidden, path)


def path_fault(path: str, root: str) -> str:
    """Why the engine must not mount `path`, which is below `root`; empty if it may."""
    current = Path(root)
    for part in path.removeprefix(root).split("/"):
        current = current / part
        try:
            mode = current.lstat().st_mode
        except FileNotFoundError:
            return ""  # the engine creates missing parts, as directories
        except OSError as error:
            return f"the proxy cannot check {current} ({error.strerror})"
        if stat.S_ISLNK(mode):
            return f"{current} is a symbolic link"
    return "" if stat.S_ISDIR(mode) or stat.S_ISREG(mode) else f"{current} is neither a directory nor a file"


def host_path(value: str, name: str, scope: Scope) -> str:
    """The normal form of an allowed path; raises RefusedError for any other."""
    try:
        path = normal_path(value)
    except ValueError as error:
        raise RefusedError(f"{name}: {error}") from None
    if not _NO_OPTIONS.fullmatch(path):
        raise RefusedError(f"{name}: {path!r} is not a path without ',' and quotes")
    root = _root(path, scope)
    if not root:
        never = any(overlaps(path, forbidden) for forbidden in FORBIDDEN)
        setting = "" if never else scope.limits.setting("BIND_PATHS")
        raise RefusedError(f"{name}: {path!r} is outside the allowed host paths", setting)
    if fault := scope.facts.path_fault(path, root):
        raise RefusedError(f"{name}: {fault}")
    return path


def _root(path: str, scope: Scope) -> str:
    """The allowed path that contains this one, or empty. At most one does: the settings refuse one inside another."""
    return next((root for root in scope.limits.bind_paths if is_below(path, root)), "")


def _volume(value: str, name: str, scope: Scope) -> str:
    if value not in scope.limits.volumes:
        reason = f"{name}: volume {value!r} is not one that this role may mount"
        raise RefusedError(reason, scope.limits.setting("VOLUMES"))
    return value


def _check_writing(source: str, name: str, writes: bool, scope: Scope) -> None:
    """Raises RefusedError for a writable mount of what the settings allow only read-only."""
    is_path = source.startswith("/")
    may = scope.limits.bind_paths[_root(source, scope)] if is_path else scope.limits.volumes.get(source, True)
    if writes and not may:
        reason = f"{name}: {source!r} may only be mounted read-only"
        raise RefusedError(reason, scope.limits.setting("BIND_PATHS" if is_path else "VOLUMES"))


def bind(value: Value, name: str, scope: Scope) -> Value:
    """An entry of Binds, `SOURCE:TARGET` or `SOURCE:TARGET:MODE`; the source is a host path or a volume."""
    parts = string(value, name).split(":")
    if len(parts) not in (2, 3):
        raise RefusedError(f"{name} {value!r} is not SOURCE:TARGET or SOURCE:TARGET:MODE")
    source, inside, mode = [*parts, ""][:3]
    if mode not in _MODES:
        raise RefusedError(f"{name}: mode {mode!r} is neither ro nor rw")
    target(inside, name, scope)
    allowed = host_path(source, name, scope) if source.startswith("/") else _volume(source, name, scope)
    _check_writing(allowed, name, mode != "ro", scope)
    return ":".join([allowed, inside, mode or "rw"])


def _bind_source(value: Value, name: str, scope: Scope) -> Value:
    return host_path(string(value, name), name, scope)


def _volume_source(value: Value, name: str, scope: Scope) -> Value:
    """May be empty: the engine then makes a volume for this container alone."""
    return _volume(string(value, name), name, scope) if value else value


_COMMON: dict[str, Rule] = {"Type": one_of("bind", "volume", "tmpfs"), "Target": target, "ReadOnly": flag}
_MOUNTS: dict[str, dict[str, Rule]] = {
    "bind": {
        "Source": _bind_source,
        "BindOptions": record(
            {"Propagation": one_of("", "private", "rprivate"), "CreateMountpoint": flag, "NonRecursive": flag}
        ),
    },
    "volume": {
        "Source": _volume_source,
        "VolumeOptions": record({"NoCopy": flag, "Subpath": matching(_SUBPATH, "a path inside the volume")}),
    },
    "tmpfs": {"TmpfsOptions": record({"SizeBytes": number(), "Mode": number(0, 0o7777)})},
}


def mount(value: Value, name: str, scope: Scope) -> Value:
    """An entry of Mounts."""
    kind = _COMMON["Type"](mapping(value, name).get("Type"), f"{name}.Type", scope)
    mounted = record(_COMMON | _MOUNTS[str(kind)])(value, name, scope)
    if kind == "bind" and "Source" not in mounted:
        raise RefusedError(f"{name}.Source is missing")
    _check_writing(str(mounted.get("Source") or ""), name, not mounted.get("ReadOnly"), scope)
    return mounted
