"""Writes the archive of a bundle: file after file, and the list of their checksums at the end."""

import gzip
import io
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from stack.bundle.format import SUMS
from stack.bundle.stream import CHUNK, Counted
from stack.core.files import CLOSED_FOLDER_MODE, CLOSED_FOLDERS, PUBLIC, File

# The fastest level: images are half of a bundle, and a better level takes minutes to save a tenth.
LEVEL = 1


class Archive:
    """The open archive. `sums` are the lines of the files that were added."""

    def __init__(self, tar: tarfile.TarFile, report: Callable[[str], None]) -> None:
        self.tar, self.report = tar, report
        self.sums: list[str] = []
        self.folders: set[str] = set()
        self.now = int(time.time())

    def add(self, folder: str, files: Iterable[File]) -> None:
        """Adds files from memory, and those of their folders that only the owner may enter."""
        for file in files:
            path = f"{folder}/{file.path}" if folder else file.path
            self._add_closed(PurePosixPath(path).parent)
            self._add(path, io.BytesIO(file.content), len(file.content), file.mode)

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as stream:
            self._add(name, stream, path.stat().st_size, PUBLIC)

    def close(self) -> None:
        """Adds the list of checksums, as `sha256sum --check` reads it."""
        text = "".join(self.sums).encode()
        self._add(SUMS, io.BytesIO(text), len(text), PUBLIC)

    def _add(self, name: str, stream: IO[bytes], count: int, mode: int) -> None:
        counted = Counted(stream, name, count, self.report)
        self.tar.addfile(self._info(name, mode, count), cast(IO[bytes], counted))
        self.sums.append(f"{counted.digest()}  {name}\n")

    def _add_closed(self, folder: PurePosixPath) -> None:
        if folder.name in CLOSED_FOLDERS and str(folder) not in self.folders:
            self.folders.add(str(folder))
            info = self._info(str(folder), CLOSED_FOLDER_MODE, 0)
            info.type = tarfile.DIRTYPE
            self.tar.addfile(info)

    def _info(self, name: str, mode: int, count: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.mode, info.size, info.mtime = mode, count, self.now
        return info


@contextmanager
def archive(path: Path, report: Callable[[str], None]) -> Iterator[Archive]:
    """A new archive; it is complete after the `with` block."""
    with (
        gzip.open(path, "wb", compresslevel=LEVEL) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", bufsize=CHUNK, format=tarfile.PAX_FORMAT) as tar,
    ):
        made = Archive(tar, report)
        yield made
        made.close()
