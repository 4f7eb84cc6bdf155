"""Modes of what containers read: an unprivileged user of a container must be able to, whatever umask a checkout was
made under."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from stack.core.errors import SiteError
from stack.core.files import CLOSED_FOLDERS, FOLDER_MODE, PUBLIC, Change, File

CACHE = "__pycache__"


def compare(root: Path, plan: Iterable[File], sources: Iterable[str]) -> list[Change]:
    """A change for each folder of public files of the plan that others may not read though containers mount it, and for
    each of `sources`, which are paths relative to the root, with everything below it."""
    folders = {folder for file in plan if not file.is_secret for folder in (root / file.path).parents}
    of_plan = {each for each in folders if each.is_relative_to(root) and each != root}
    open_to_all = sorted(each for each in of_plan if each.name not in CLOSED_FOLDERS)
    groups = {each: [each] for each in open_to_all} | {
        root / each: list(_tree(root / each)) for each in sorted(sources)
    }
    return [
        _change(root, path, closed) for path, group in groups.items() if (closed := list(filter(_is_closed, group)))
    ]


def _change(root: Path, path: Path, closed: list[Path]) -> Change:
    note = "containers must be able to read it" if closed == [path] else f"containers must read it; {len(closed)} paths"
    opened = tuple(each.relative_to(root).as_posix() for each in closed)
    return Change("mode", path.relative_to(root).as_posix(), note=note, opened=opened)


def write(root: Path, paths: Iterable[str]) -> None:
    """Opens each to all readers. Raises SiteError for those whose mode it cannot change, after all others."""
    faults = []
    for path in dict.fromkeys(root / path for path in paths):
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | _needed(path))
        except OSError as error:
            faults.append(f"{path}: containers cannot read it ({error.strerror}); `chmod a+rX` it as its owner")
    if faults:
        raise SiteError(*faults)


def _tree(path: Path) -> Iterator[Path]:
    """A file, or a folder with all that is in it; links and bytecode are left out."""
    if path.is_symlink() or not path.exists():
        return
    yield path
    if path.is_dir() and os.access(path, os.R_OK | os.X_OK):
        for below in sorted(path.iterdir()):
            if below.name != CACHE:
                yield from _tree(below)


def _is_closed(path: Path) -> bool:
    return path.exists() and (path.stat().st_mode & _needed(path)) != _needed(path)


def _needed(path: Path) -> int:
    """For everybody to read, and to execute what its owner may."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return FOLDER_MODE
    return PUBLIC | (0o111 if mode & 0o100 else 0)
