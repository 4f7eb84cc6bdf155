"""Files on their way into a bundle and out of it. Standard library alone."""

import hashlib
from collections.abc import Callable
from typing import IO

from stack.bundle.format import size

CHUNK = 1 << 20  # bytes that are in memory at a time
STEP = 100 * 10**6  # bytes between two lines about one file


class Counted:
    """What is read of a file: its checksum, and a line now and then about how far that is."""

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
        """The checksum of the whole: reads what is left."""
        while self.read(CHUNK):
            pass
        return self.sum.hexdigest()
