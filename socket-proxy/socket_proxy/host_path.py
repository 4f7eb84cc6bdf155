"""Host paths that a container may have mounted: those below the allowed ones, reached without a symbolic link.

The engine follows symbolic links in a mount's source, and whoever may write below an allowed path can make one.
So each path is looked at before it passes, which needs the allowed paths mounted into the proxy, read-only and
under the host's own names.
"""

import stat
from pathlib import Path

# What no setting may allow: whoever can write here, or read here, has the host (CIS Docker Benchmark 5.5, 5.31).
FORBIDDEN = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr", "/var/run"),
    *("/var/lib/containerd", "/var/lib/containers", "/var/lib/docker"),
)


def normal(path: str) -> str:
    """An absolute path without empty or single-dot parts; raises ValueError for relative ones and for `..`."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or ".." in parts or not path.isprintable():
        raise ValueError(f"{path!r} is no absolute path without '..'")
    return "/" + "/".join(parts)


def is_below(path: str, root: str) -> bool:
    """True for the root itself and all that lies in it; both are normal."""
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def clash(path: str, forbidden: str) -> bool:
    """True where mounting `path` would show a part of `forbidden`, or the other way round."""
    return is_below(path, forbidden) or is_below(forbidden, path)


def fault(path: str, root: str) -> str:
    """Why the engine must not mount `path`, which lies below `root`; empty when nothing speaks against it."""
    current = Path(root)
    for part in path.removeprefix(root).split("/"):
        current = current / part
        try:
            mode = current.lstat().st_mode
        except FileNotFoundError:
            return ""  # the engine makes what is missing, as directories
        except OSError as error:
            return f"{current} cannot be looked at ({error.strerror})"
        if stat.S_ISLNK(mode):
            return f"{current} is a symbolic link"
    return "" if stat.S_ISDIR(mode) or stat.S_ISREG(mode) else f"{current} is neither a directory nor a file"
