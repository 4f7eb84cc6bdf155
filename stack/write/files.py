"""Compares planned files with the disk, and writes all of them or none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from stack.core.errors import SiteError
from stack.core.files import CLOSED_FOLDER_MODE, CLOSED_FOLDERS, FOLDER_MODE, Change, File
from stack.write import modes


def compare(root: Path, plan: list[File], stale: list[str]) -> list[Change]:
    """What writing the plan below `root` would change; `stale` are paths of an earlier plan, to be removed."""
    changes = [change for file in plan if (change := _compare_one(root, file))]
    return changes + [
        Change("gone", path, _content(root / path) or b"", is_secret=True) for path in stale if (root / path).is_file()
    ]


def write(root: Path, plan: list[File], changes: list[Change]) -> None:
    """Writes the changed files, all or none: after a full disk or a file that cannot be replaced, nothing has changed.

    All new content is on the disk before the first file is replaced; after a fault, replaced files are put back.
    """
    kinds = {change.path: change.kind for change in changes}
    files = [file for file in plan if kinds.get(file.path, "gone") != "gone"]
    gone = [root / path for path, kind in kinds.items() if kind == "gone"]
    _refuse_unwritable(root, files)
    with ExitStack() as leftovers, ExitStack() as undo:
        staged = {root / file.path: _stage(root / file.path, file, leftovers) for file in files}
        for target in [*staged, *gone]:
            undo.callback(_put_back, target, _keep(target, leftovers))
        for target, temporary in staged.items():
            with _refused(target):
                temporary.replace(target)
        for path in gone:
            with _refused(path):
                path.unlink()
        modes.write(root, [path for change in changes for path in change.opened])
        undo.pop_all()
    _remove_empty_folders(root, gone)


def _compare_one(root: Path, file: File) -> Change | None:
    before = _content(root / file.path)
    if before is None:
        return Change("new", file.path, b"", file.content, file.is_secret, file.note)
    if before != file.content:
        return Change("changed", file.path, before, file.content, file.is_secret, file.note)
    if not _has_mode(root / file.path, file):
        return Change("mode", file.path, before, file.content, file.is_secret)
    return None


def _has_mode(path: Path, file: File) -> bool:
    """Whether file and folder still have their modes; the folder protects a mounted secret. Containers read a public
    file: it may have more than its mode."""
    mode, found = file.mode, path.stat().st_mode & 0o777
    if not file.is_secret:
        return found & mode == mode
    in_folder = path.parent.name in CLOSED_FOLDERS
    return found == mode and (not in_folder or path.parent.stat().st_mode & 0o777 == CLOSED_FOLDER_MODE)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None  # `_refuse_unwritable` names a directory or a file that is in the way
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); correct its owner or mode") from None


def _refuse_unwritable(root: Path, files: list[File]) -> None:
    faults = {fault for file in files for fault in _obstacles(root, file)}
    if faults:
        raise SiteError(*sorted(faults))


def _obstacles(root: Path, file: File) -> Iterator[str]:
    target = root / file.path
    if target.is_dir():
        # An engine makes one if a file that it should mount is missing.
        yield f"{target}: a directory is in the way of a file; move it away"
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        yield f"{parent}: a file is in the way of a folder; move it away, or choose another --output"
    elif not os.access(parent, os.W_OK | os.X_OK):
        yield f"{parent}: cannot be written by this user; correct its owner or mode, or choose another --output"


@contextmanager
def _refused(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SiteError(f"{target}: cannot be written ({error.strerror}); nothing was changed") from None


def _stage(target: Path, file: File, leftovers: ExitStack) -> Path:
    """Writes the content into a temporary file beside its target."""
    with _refused(target):
        _make_folder(target.parent, leftovers)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        temporary = Path(name)
        leftovers.callback(temporary.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(file.content)
        temporary.chmod(file.mode)
    return temporary


def _make_folder(folder: Path, leftovers: ExitStack) -> None:
    """Makes the folder; new folders that stay empty are removed with the temporary files."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        if not missing.exists():  # `new/..` is there as soon as `new` is
            missing.mkdir()
            missing.chmod(FOLDER_MODE)
            leftovers.callback(_remove_if_empty, missing)
    if folder.name in CLOSED_FOLDERS:
        folder.chmod(CLOSED_FOLDER_MODE)


def _keep(target: Path, leftovers: ExitStack) -> Path | None:
    """A second name (hard link) of the present file: if it is put back, it has its old mode and time."""
    if not os.path.lexists(target):
        return None
    with _refused(target):
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        leftovers.callback(_remove_if_empty, folder)
        os.link(target, folder / target.name, follow_symlinks=False)
        leftovers.callback((folder / target.name).unlink, missing_ok=True)
    return folder / target.name


def _put_back(target: Path, kept: Path | None) -> None:
    if kept:
        kept.replace(target)
    else:
        target.unlink(missing_ok=True)


def _remove_empty_folders(root: Path, gone: list[Path]) -> None:
    for path in gone:
        for folder in path.parents[: len(path.relative_to(root).parents) - 1]:
            _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
