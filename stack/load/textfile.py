"""Text files that users write: read whole, or refused in one line."""

from pathlib import Path

from stack.core.errors import SiteError

MAX_BYTES = 1_000_000  # far above any real one; keeps a wrong path (a disk image, a log) from being read whole


def exists(path: Path, way: str) -> bool:
    """Whether the path exists; raises SiteError if this cannot be found out.

    `way` says how the user can name another file, such as `with --env`.
    """
    try:
        return path.exists()
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); give a readable file {way}") from None


def read(path: Path, kind: str, way: str) -> str:
    """The text. Raises SiteError if the path is not a text file; `kind` is what it should be, such as `.env file`."""
    try:
        if path.is_dir():
            raise SiteError(f"{path}: this is a directory; give the path of the {kind} in it")
        if path.exists() and not path.is_file():
            raise SiteError(f"{path}: this is a device or a pipe, not a {kind}; give the path of a {kind}")
        if path.stat().st_size > MAX_BYTES:
            raise SiteError(f"{path}: too large for a {kind} ({MAX_BYTES} bytes at most); give the path of a {kind}")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SiteError(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); give a readable file {way}") from None
