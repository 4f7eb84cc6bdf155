"""A text file of the user's: read whole, or refused in one line."""

from pathlib import Path

from stack.core.errors import SiteError

MAX_BYTES = 1_000_000  # far above any real one; keeps a wrong path (a disk image, a log) from being read whole


def exists(path: Path, way: str) -> bool:
    """Whether there is something of this name; raises SiteError where that cannot be told.

    `way` says how the user names another file, such as `with --env`.
    """
    try:
        return path.exists()
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); give a readable file {way}") from None


def read(path: Path, kind: str, way: str) -> str:
    """The text. Raises SiteError for what is no text file; `kind` says what it should be, such as `.env file`."""
    try:
        if path.is_dir():
            raise SiteError(f"{path}: this is a directory; give the path of the {kind} in it")
        if path.exists() and not path.is_file():
            raise SiteError(f"{path}: this is a device or a pipe, so no {kind}; give the path of a {kind}")
        if path.stat().st_size > MAX_BYTES:
            raise SiteError(f"{path}: larger than {MAX_BYTES} bytes, so no {kind}; give the path of a {kind}")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SiteError(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); give a readable file {way}") from None
