"""A recipe: the folder from which one image is made, and the name of the image."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from stack.core.errors import SiteError
from stack.core.files import PUBLIC
from stack.core.repo import JOB_IMAGES, REPOSITORY

DEBIAN = "debian"
DEBIAN_RELEASE = "bookworm"
HASH_DIGITS = 12
NOT_INPUT = (".in", ".pyc")
# The site's own images: a folder for each.
SITE_IMAGES = "images"
# The folder that a Dockerfile knows as `flows`.
FLOWS = "client/flows"

_BASE = re.compile(r"^ARG BASE_IMAGE=(\S+)$", re.MULTILINE)
_PARENT = re.compile(r"^ARG (?!BASE)([A-Z_]+)_IMAGE\b", re.MULTILINE)
_FROM_FLOWS = re.compile(r"^COPY (?:--\S+ )*--from=flows (?:--\S+ )*(.+) \S+$", re.MULTILINE)
_MAJOR = re.compile(r":(\d+)[^/]*$")


# How a program begins: a script, or what Linux runs itself.
_PROGRAMS = (b"#!", b"\x7fELF")


def mode(path: Path) -> int:
    """The mode of a file in an image, whatever the umask of the checkout: that of a program, or of any other file."""
    with path.open("rb") as file:
        is_program = file.read(4).startswith(_PROGRAMS)
    return PUBLIC | (0o111 if is_program or _may_run(path) else 0)


def _may_run(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


@dataclass(frozen=True)
class Recipe:
    """One image. `bases` maps names to public images that replace those of the Dockerfiles: a mirror's, for example.

    `known` holds the parents by name, shared by several recipes: each is read once.
    """

    name: str
    root: Path
    bases: Mapping[str, str]
    known: dict[str, "Recipe"] = field(default_factory=dict, compare=False, repr=False)

    @property
    def folder(self) -> Path:
        places = [self.root / place / self.name for place in (SITE_IMAGES, *JOB_IMAGES)]
        return next((place for place in places if place.is_dir()), places[0])

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Path in the folder -> content, without dot files, bytecode and the `*.in` files from which locks are made."""
        found = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        parts = [path for path in found if path.suffix not in NOT_INPUT and not path.name.startswith(".")]
        if not parts:
            raise SiteError(f"{self.folder}: there is no recipe for an image called {self.name}")
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in parts}

    @cached_property
    def flows(self) -> dict[str, bytes]:
        """Path below client/flows -> content, for what the Dockerfile copies from there."""
        named = [name for line in _FROM_FLOWS.findall(self._text("Dockerfile")) for name in line.split()]
        return {path: content for name in named for path, content in self._flow(name).items()}

    def _flow(self, name: str) -> dict[str, bytes]:
        folder, wanted = self.root / FLOWS, self.root / FLOWS / name
        below = sorted(path for path in wanted.rglob("*") if path.is_file() and path.suffix not in NOT_INPUT)
        found = [wanted] if wanted.is_file() else below
        if not found:
            raise SiteError(f"{self.folder / 'Dockerfile'}: copies {name} from flows, and {folder} has no such file")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    @property
    def base(self) -> str:
        """The public image that the way `pull` starts from; empty if the Dockerfile names none."""
        named = _BASE.search(self._text("Dockerfile"))
        return (self.bases.get(self.name) or named[1]) if named else ""

    @cached_property
    def parents(self) -> list["Recipe"]:
        """The images of the site that the Dockerfile starts from: `ARG PREFECT_IMAGE` means `prefect`."""
        names = [name.lower().replace("_", "-") for name in _PARENT.findall(self._text("Dockerfile"))]
        return [self.known.setdefault(name, replace(self, name=name)) for name in names]

    @cached_property
    def version(self) -> str:
        """For readers: the locked version of the package of that name, the public image's major, or the parent's."""
        locked = re.search(rf"^{re.escape(self.name)}==([^\s;]+)", self._text("requirements.txt"), re.MULTILINE)
        named = _BASE.search(self._text("Dockerfile"))
        found = locked or _MAJOR.search(named[1] if named else "")
        if found:
            return found[1]
        return self.parents[0].version if self.parents else DEBIAN_RELEASE

    @cached_property
    def reference(self) -> str:
        return f"{REPOSITORY}/{self.name}:{self.version}-{self._digest()}"

    def _text(self, file: str) -> str:
        return self.files.get(file, b"").decode()

    def _digest(self) -> str:
        """Over every input with its length, so that two different sets of inputs never look the same."""
        digest = hashlib.sha256()
        parents = [parent.reference for parent in self.parents]
        files = [*self.files.items(), *self.flows.items()]
        inputs = [*(part for item in files for part in item), self.base, *parents, *self._programs()]
        for value in inputs:
            data = value.encode() if isinstance(value, str) else value
            digest.update(b"%d:%b" % (len(data), data))
        return digest.hexdigest()[:HASH_DIGITS]

    def _programs(self) -> list[str]:
        """The files that are executable and do not begin like a program: the one thing that `mode` does not read from
        the content, which the name covers already."""
        of_folder = [(self.folder / path, content) for path, content in self.files.items()]
        of_flows = [(self.root / FLOWS / path, content) for path, content in self.flows.items()]
        odd = (path for path, content in [*of_folder, *of_flows] if not content.startswith(_PROGRAMS))
        return [f"{path.relative_to(self.root)} may run" for path in odd if _may_run(path)]
