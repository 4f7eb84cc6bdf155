"""Reads files on their way into a bundle and out of it. Standard library only."""

import hashlib
from collections.abc import Callable
from typing import IO

from stack.bundle.format import size

CHUNK = 1 << 20  # bytes in memory at a time
STEP = 100 * 10**6  # bytes between two lines of progress


class Counted:
    """A file that is read: computes its checksum, and reports the progress of a long one."""

    def __init__(self, source: IO[bytes], name: str, total: int, report: Callable[[str], None]) -> None:
        self.source, self.name, self.total, self.report = source, name, total, report
        self.sum = hashlib.sha256()
        self.done = 0

    def read(self, count: int = -1) -> bytes:
        data = self.source.read(count)
        before, self.done = self.done, self.done + len(data)
        self.sum.update(data)
        if before // STEP != self.done // STEP:
            self.report(f"{self.name}: {size(self.done)} of {size(self.total)}")
        return data

    def digest(self) -> str:
        """The checksum of the whole file: reads what is left of it."""
        while self.read(CHUNK):
            pass
        return self.sum.hexdigest()
