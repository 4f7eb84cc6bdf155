"""Reads the archive of a bundle; refuses one that is incomplete or changed. Standard library only."""

import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from stack.bundle.format import IMAGES, LOADER, MANIFEST, SITE, SUMS, Manifest
from stack.bundle.stream import CHUNK, Counted
from stack.core.errors import SiteError

FOLDER = 0o755
AGAIN = "copy it again from the machine that made it"


def manifest(archive: Path) -> Manifest:
    """The first file of the archive. Raises SiteError if that is not a manifest of this format."""
    if archive.exists() and not archive.is_file():  # reading from a pipe would wait
        raise SiteError(f"{archive}: not a file; give the path of a bundle")
    with _refused(archive):
        for member, stream in _members(archive):
            if member.name == MANIFEST:
                return _parsed(archive, stream.read())
            break
    raise SiteError(f"{archive}: not the bundle of a site; `python render.py bundle` makes one")


def _parsed(archive: Path, text: bytes) -> Manifest:
    try:
        return Manifest.parse(text)
    except (ValueError, TypeError, KeyError):
        raise SiteError(f"{archive}: {MANIFEST} is damaged, or has the format of another version; {AGAIN}") from None


def verify(archive: Path, report: Callable[[str], None]) -> None:
    """Reads all of it and changes nothing. Raises SiteError with every file that has changed since."""
    found: dict[str, str] = {}
    listed: dict[str, str] | None = None
    with _refused(archive):
        for member, stream in _members(archive):
            if member.name == SUMS:
                listed = {name: digest for digest, _, name in (line.partition("  ") for line in _lines(stream))}
            elif member.isfile():
                found[member.name] = Counted(stream, f"checking {member.name}", member.size, report).digest()
    if listed is None:
        raise SiteError(f"{archive}: ends too early, without {SUMS}; {AGAIN}")
    wrong = sorted(name for name in found.keys() | listed.keys() if found.get(name) != listed.get(name))
    if wrong:
        raise SiteError(*(f"{archive}: {name} has changed since the bundle was made; {AGAIN}" for name in wrong))


def unpack(archive: Path, root: Path, images: Callable[[IO[bytes], int], None]) -> None:
    """Writes the site's folder to `root`, and passes the images on. Only for an archive that was verified."""
    with _refused(archive):
        for member, stream in _members(archive):
            path = PurePosixPath(member.name)
            if path.parts[0] == SITE:
                _write(root / path.relative_to(SITE), member, stream)
            elif member.name == IMAGES:
                images(stream, member.size)


def _write(path: Path, member: tarfile.TarInfo, stream: IO[bytes]) -> None:
    for missing in reversed([folder for folder in path.parents if not folder.exists()]):
        missing.mkdir()
        missing.chmod(FOLDER)
    if member.isdir():
        path.mkdir(exist_ok=True)
    else:
        with path.open("xb") as target:
            shutil.copyfileobj(stream, target, CHUNK)
    path.chmod(member.mode & 0o777)


def _lines(stream: IO[bytes]) -> list[str]:
    return stream.read().decode("utf-8", "replace").splitlines()


def _members(archive: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Each file and folder with its content, in one pass."""
    seen: set[str] = set()
    with gzip.open(archive) as plain, tarfile.open(fileobj=plain, mode="r|", bufsize=CHUNK) as tar:
        for member in tar:
            if not _belongs(member) or member.name in seen:
                raise SiteError(f"{archive}: {member.name} does not belong in a bundle; do not use this archive")
            seen.add(member.name)
            yield member, tar.extractfile(member) or io.BytesIO()
        while plain.read(CHUNK):  # gzip checks its own checksum, which comes last
            pass


def _belongs(member: tarfile.TarInfo) -> bool:
    """Only files and folders, only those of a bundle, and no path that leads out of it."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return False
    if member.isdir():
        return path.parts[0] == SITE
    below = path.parts[0] in (SITE, LOADER) and len(path.parts) > 1
    return member.isfile() and (below or member.name in (MANIFEST, IMAGES, SUMS))


@contextmanager
def _refused(archive: Path) -> Iterator[None]:
    """Turns Python's errors about a damaged archive into one line with the archive's name."""
    try:
        yield
    except EOFError:
        raise SiteError(f"{archive}: ends too early; {AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error, tarfile.TarError):
        raise SiteError(f"{archive}: damaged, or not the bundle of a site; {AGAIN}") from None
