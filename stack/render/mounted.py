"""The files that are mounted into the containers of a component, as its Compose file sees them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.core.files import File

DIGITS = 4


@dataclass(frozen=True)
class Mounted:
    """Files below the folder of a component. A digest changes with any of them, so that Compose recreates the
    containers that read the old ones."""

    files: Sequence[File]

    @property
    def digest(self) -> str:
        return _digest(self.files)

    def digest_of(self, path: str) -> str:
        """Of one file."""
        return _digest([file for file in self.files if file.path == path])

    def digest_without(self, suffix: str) -> str:
        """Of all files but those of a suffix."""
        return _digest([file for file in self.files if not file.path.endswith(suffix)])

    @property
    def secrets(self) -> list[str]:
        """The names of the secrets among them."""
        return [Path(file.path).name for file in self.files if file.is_secret]


def _digest(files: Sequence[File]) -> str:
    """Four digits only: everybody who may ask the engine can read a label, and it must not help to guess a password."""
    content = b"".join(file.path.encode() + b"\0" + file.content + b"\0" for file in files)
    return hashlib.sha256(content).hexdigest()[:DIGITS]
