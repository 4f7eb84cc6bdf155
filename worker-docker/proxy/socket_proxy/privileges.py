"""Gives up root. The group of the engine's socket differs from host to host and is only seen at run time."""

import os
from pathlib import Path

from socket_proxy.settings import PREFIX, Settings, SettingsError

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
        _become(*settings.user, Path(settings.engine))
    except OSError as error:
        raise SettingsError([f"{PREFIX}USER: {error.strerror}; {_RIGHTS}"]) from None


def _give_folder(folder: Path, uid: int, gid: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, uid, gid)


def _become(uid: int, gid: int, engine: Path) -> None:
    os.setgroups([engine.stat().st_gid] if engine.exists() else [])
    os.setgid(gid)
    os.setuid(uid)


def faults(settings: Settings) -> list[str]:
    """What this process cannot reach, each with the mend."""
    paths = [f"{name}: {path} {_NO_PATH}" for name, path in settings.bind_paths() if not _can_look_into(Path(path))]
    return [*_engine_faults(settings.engine), *paths]


def _engine_faults(path: str) -> list[str]:
    name = f"{PREFIX}ENGINE"
    if not Path(path).is_socket():
        return [f"{name}: {path} is no socket here; mount the engine's socket there"]
    if os.access(path, os.R_OK | os.W_OK):
        return []
    group = Path(path).stat().st_gid
    return [f"{name}: {path} belongs to group {group}; start as root, which is given up at once, or add group {group}"]


def _can_look_into(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and os.access(path, os.X_OK)
