"""Gives up root, and checks what the proxy can then reach.

The group of the engine's socket differs from host to host, so only a start as root can find and take it.
"""

import os
import ssl
from pathlib import Path

from socket_proxy.engine import client_context
from socket_proxy.settings import CERTIFICATES, PREFIX, Settings, SettingsError

_RIGHTS = "root needs the capabilities CHOWN, SETGID and SETUID, and a volume for its Unix sockets"


def drop(settings: Settings) -> None:
    """If started as root, becomes the user of the settings, with the socket's group as the only other group.

    Raises SettingsError if this root may not do that.
    """
    if os.geteuid() != 0:
        return
    try:
        for listener in settings.listeners:
            if listener.address.path:
                _give_folder(Path(listener.address.path).parent, *settings.user)
        _become(*settings.user, Path(settings.engine.path) if settings.engine.path else None)
    except OSError as error:
        raise SettingsError([f"{PREFIX}USER: {error.strerror}; {_RIGHTS}"]) from None


def _give_folder(folder: Path, uid: int, gid: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, uid, gid)


def _become(uid: int, gid: int, socket: Path | None) -> None:
    os.setgroups([socket.stat().st_gid] if socket and socket.exists() else [])
    os.setgid(gid)
    os.setuid(uid)


def faults(settings: Settings) -> list[str]:
    """What this process cannot reach, each with its remedy."""
    engine = _socket_faults(settings.engine.path) or _certificate_faults(settings.certificates)
    paths = [
        f"{name}: the proxy's user cannot open the directory {path}; mount it read-only at the same path"
        for name, path in settings.bind_paths()
        if not _can_open(Path(path))
    ]
    return [*engine, *paths]


def _certificate_faults(folder: str) -> list[str]:
    name = f"{PREFIX}ENGINE_CERTIFICATES"
    paths = [Path(folder) / file for file in CERTIFICATES] if folder else []
    unread = [f"{name}: the proxy's user cannot read {path}" for path in paths if not os.access(path, os.R_OK)]
    try:
        if paths and not unread:
            client_context(Path(folder))
    except ssl.SSLError:
        return [f"{name}: {', '.join(map(str, paths))} must be a CA, a certificate and its key, in PEM"]
    return unread


def _socket_faults(path: str) -> list[str]:
    if not path:
        return []
    name = f"{PREFIX}ENGINE"
    if not Path(path).is_socket():
        return [f"{name}: there is no socket at {path}; mount the engine's socket there"]
    if os.access(path, os.R_OK | os.W_OK):
        return []
    group = Path(path).stat().st_gid
    return [f"{name}: {path} belongs to group {group}; add group {group}, or start as root (given up at once)"]


def _can_open(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and os.access(path, os.X_OK)
