"""The flow code of a site: the user's flows, what the bundle ships beside them, and redirects to what has moved."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from registrar.moved import redirects
from registrar.registration import FlowCode

CACHE = "__pycache__"


def check(code: FlowCode, key: str) -> Iterator[str]:
    """What is wrong with the folders; `key` is where the registration names them."""
    if not Path(code.source).is_dir():
        yield f"{key}.source: {code.source}: no such folder"
    for name in code.beside:
        if not folder(code, name).is_dir():
            yield f"{key}.beside: {folder(code, name)}: no such folder"


def content(code: FlowCode) -> dict[str, bytes]:
    """Every file, `flows/weather.py` by name, with what it holds."""
    own = Path(code.source)
    folders = {own.name: own} | {name: folder(code, name) for name in code.beside}
    found = {
        f"{name}/{path.as_posix()}": (place / path).read_bytes()
        for name, place in folders.items()
        for path in files(place)
    }
    added = {path: data for path, data in redirects(found).items() if path.partition("/")[0] in folders}
    return found | added


def folder(code: FlowCode, name: str) -> Path:
    """The folder of this name beside the source."""
    return Path(code.source).parent / name


def files(folder: Path) -> list[Path]:
    """The files below a folder, relative to it, without what Python caches. Raises PermissionError for a folder that
    this user may not look into: passed over, it would count as empty, and what it published would be removed."""
    every = sorted(folder.rglob("*"))
    for closed in (each for each in (folder, *every) if each.is_dir() and not os.access(each, os.R_OK | os.X_OK)):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
    found = (path.relative_to(folder) for path in every if path.is_file())
    return [path for path in found if CACHE not in path.parts]
