"""Gives up root. The group of the engine's socket differs from host to host and is only seen at run time."""

import os
import ssl
from pathlib import Path

from socket_proxy.engine import client_context
from socket_proxy.settings import CERTIFICATES, PREFIX, Settings, SettingsError

_RIGHTS = "root needs the capabilities CHOWN, SETGID and SETUID, and a volume for its Unix sockets"
_NO_PATH = "is no directory here that this user can look into; mount it read-only under the same name"


def drop(settings: Settings) -> None:
    """Started as root: becomes the user of the settings, with the socket's group as its only other one.

    Raises SettingsError where this root may not do that.
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
    """What this process cannot reach, each with the mend."""
    paths = [f"{name}: {path} {_NO_PATH}" for name, path in settings.bind_paths() if not _can_look_into(Path(path))]
    return [*(_socket_faults(settings.engine.path) or _certificate_faults(settings.certificates)), *paths]


def _certificate_faults(folder: str) -> list[str]:
    name = f"{PREFIX}ENGINE_CERTIFICATES"
    paths = [Path(folder) / file for file in CERTIFICATES] if folder else []
    unread = [f"{name}: {path} is no file that this user can read" for path in paths if not os.access(path, os.R_OK)]
    try:
        if paths and not unread:
            client_context(Path(folder))
    except ssl.SSLError:
        return [f"{name}: {', '.join(map(str, paths))} are no CA, certificate and its key, in PEM"]
    return unread


def _socket_faults(path: str) -> list[str]:
    if not path:
        return []
    name = f"{PREFIX}ENGINE"
    if not Path(path).is_socket():
        return [f"{name}: {path} is no socket here; mount the engine's socket there"]
    if os.access(path, os.R_OK | os.W_OK):
        return []
    group = Path(path).stat().st_gid
    return [f"{name}: {path} belongs to group {group}; start as root, which is given up at once, or add group {group}"]


def _can_look_into(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and os.access(path, os.X_OK)
