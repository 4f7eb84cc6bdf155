"""The format of a bundle, for making and for loading one. Standard library only."""

import json
import platform
import sys
from dataclasses import asdict, dataclass, fields

FORMAT = 1  # changes when an older `load` could not read what is made now
# In this order in the archive: a bundle for another machine is refused before the rest is read.
MANIFEST = "bundle.json"
LOADER = "load"
SITE = "site"
IMAGES = "images.tar"
SUMS = "SHA256SUMS"

WHEELS = "wheels"  # in the site's folder, where the Makefile looks for them


@dataclass(frozen=True)
class Manifest:
    """What a bundle is for; `python` is the minor version of Python that its packages fit."""

    site: str
    prefect: str
    images: list[str]
    format: int = FORMAT
    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    architecture: str = platform.machine()

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def parse(cls, text: bytes) -> "Manifest":
        """Raises ValueError, TypeError or KeyError for anything but a manifest."""
        given = json.loads(text)
        return cls(**{field.name: given[field.name] for field in fields(cls)})


def size(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 10**6:.0f} MB" if count >= 10**6 else f"{count / 10**3:.0f} kB"
