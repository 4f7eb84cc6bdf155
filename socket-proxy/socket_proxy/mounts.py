"""What is mounted into a container: host paths, volumes and memory."""

import re

from socket_proxy.document import Value
from socket_proxy.host_path import FORBIDDEN, clash, is_below, normal
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Rule, Scope, flag, mapping, matching, number, one_of, record, string

_MODES = ("", "ro", "rw")  # z and Z would relabel the host's files, rshared would carry mounts out to the host
# Podman writes a mount as one line of options, separated by commas, and reads that again: a comma would begin an option
# of its own, such as a volume that binds the root of the host.
_TARGET = r'/[^:,"\x00-\x1f]*'
_NO_OPTIONS = re.compile(r'[^,"]*')
_SUBPATH = r'(?!/)(?!.*\.\.)[^,"\x00-\x1f]*'
_TMPFS_OPTION = r"(ro|rw|noexec|nosuid|nodev|size=[0-9]+[kmg%]?|mode=[0-7]{3,4}|uid=[0-9]+|gid=[0-9]+)"

target: Rule = matching(_TARGET, "an absolute path without ':', ',' and quotes")
tmpfs_options: Rule = matching(
    f"({_TMPFS_OPTION}(,{_TMPFS_OPTION})*)?", "a list of size=, mode=, uid=, gid=, ro, rw, noexec, nosuid, nodev"
)


def host_path(value: str, name: str, scope: Scope) -> str:
    """The normal form of an allowed path; raises RefusedError for any other."""
    try:
        path = normal(value)
    except ValueError as error:
        raise RefusedError(f"{name}: {error}") from None
    if not _NO_OPTIONS.fullmatch(path):
        raise RefusedError(f"{name}: {path!r} is not a path without ',' and quotes")
    root = _root(path, scope)
    if not root:
        never = any(clash(path, forbidden) for forbidden in FORBIDDEN)
        setting = "" if never else scope.limits.setting("BIND_PATHS")
        raise RefusedError(f"{name}: {path!r} lies outside the allowed host paths", setting)
    if why := scope.facts.path_fault(path, root):
        raise RefusedError(f"{name}: {why}")
    return path


def _root(path: str, scope: Scope) -> str:
    """The allowed path that this one is or lies in: there is one, since settings allow none inside another."""
    return next((root for root in scope.limits.bind_paths if is_below(path, root)), "")


def volume(value: str, name: str, scope: Scope) -> str:
    if value not in scope.limits.volumes:
        reason = f"{name}: volume {value!r} is not one that this role may mount"
        raise RefusedError(reason, scope.limits.setting("VOLUMES"))
    return value


def bind(value: Value, name: str, scope: Scope) -> Value:
    """`SOURCE:TARGET` or `SOURCE:TARGET:MODE`, the source a host path or a volume."""
    parts = string(value, name).split(":")
    if len(parts) not in (2, 3):
        raise RefusedError(f"{name} {value!r} is not SOURCE:TARGET or SOURCE:TARGET:MODE")
    source, inside, mode = [*parts, ""][:3]
    if mode not in _MODES:
        raise RefusedError(f"{name}: mode {mode!r} is neither ro nor rw")
    target(inside, name, scope)
    known = host_path(source, name, scope) if source.startswith("/") else volume(source, name, scope)
    _allow_writing(known, name, mode != "ro", scope)
    return ":".join([known, inside, mode or "rw"])


def _allow_writing(source: str, name: str, writes: bool, scope: Scope) -> None:
    """Raises RefusedError where what the settings give for reading alone would be written to."""
    is_path = source.startswith("/")
    may = scope.limits.bind_paths[_root(source, scope)] if is_path else scope.limits.volumes.get(source, True)
    if writes and not may:
        reason = f"{name}: {source!r} may be mounted for reading alone"
        raise RefusedError(reason, scope.limits.setting("BIND_PATHS" if is_path else "VOLUMES"))


_COMMON: dict[str, Rule] = {"Type": one_of("bind", "volume", "tmpfs"), "Target": target, "ReadOnly": flag}


def _bind_source(value: Value, name: str, scope: Scope) -> Value:
    return host_path(string(value, name), name, scope)


def _volume_source(value: Value, name: str, scope: Scope) -> Value:
    """Empty for a volume without a name, which comes and goes with the container."""
    return volume(string(value, name), name, scope) if value else value


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
    kind = _COMMON["Type"](mapping(value, name).get("Type"), f"{name}.Type", scope)
    mounted = record(_COMMON | _MOUNTS[str(kind)])(value, name, scope)
    if kind == "bind" and "Source" not in mounted:
        raise RefusedError(f"{name}.Source is missing")
    _allow_writing(str(mounted.get("Source") or ""), name, not mounted.get("ReadOnly"), scope)
    return mounted
