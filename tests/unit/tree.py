"""What is below a folder, to compare it with what is there later."""

from pathlib import Path

Entry = tuple[int, int, bytes]


def tree(root: Path) -> dict[str, Entry]:
    """Of everything below the folder: mode, time of the last change (ns; 0 for a folder) and content."""
    return {path.relative_to(root).as_posix(): _entry(path) for path in sorted(root.rglob("*"))}


def _entry(path: Path) -> Entry:
    status = path.lstat()
    is_folder = path.is_dir() and not path.is_symlink()
    return status.st_mode, 0 if is_folder else status.st_mtime_ns, path.read_bytes() if path.is_file() else b""
