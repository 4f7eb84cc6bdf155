"""The images of a site: their names, and making those that the engine lacks.

An image is a folder below `images/`, whose README.md describes them, or below the folders of job images. The name of
an image ends in a hash of everything it is made from: an image that exists under its name is up to date, and nothing
needs to be compared.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from stack.core.errors import SiteError
from stack.core.repo import JOB_IMAGES
from stack.images.recipe import Recipe

# Those that the bundled deployments name.
SAMPLES = ("client/direct/flights", "client/direct/weather", "client/algorithms/pca")
_NAME = re.compile(r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*")  # a part of an image's name
NO_BASES: Mapping[str, str] = MappingProxyType({})


def reference(name: str, root: Path, bases: Mapping[str, str] = NO_BASES) -> str:
    """The image's full name. Reads a few files and asks no engine. Raises SiteError for an unknown image."""
    return Recipe(name, root, bases).reference


def references(names: Iterable[str], root: Path, bases: Mapping[str, str] = NO_BASES) -> dict[str, str]:
    """The full names of several images; reads what they share only once."""
    known: dict[str, Recipe] = {}
    return {name: known.setdefault(name, Recipe(name, root, bases, known)).reference for name in names}


def jobs(root: Path) -> list[str]:
    """The images in which jobs run: those with a flow, and those of algorithms. Raises SiteError if one cannot be made,
    or if one is missing that deployments name."""
    folders = [
        path.parent.relative_to(root).as_posix()
        for place in JOB_IMAGES
        for path in sorted((root / place).glob("*/Dockerfile"))
    ]
    if faults := list(_job_faults(folders)):
        raise SiteError(*faults)
    return [_name(folder) for folder in folders]


def _job_faults(folders: list[str]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for folder in folders:
        if not _NAME.fullmatch(_name(folder)):
            yield (
                f"{folder}: an image has the name of its folder: lower-case letters and digits, "
                "with . _ - only between them; rename it"
            )
        if owner.setdefault(_name(folder), folder) != folder:
            yield f"{folder}: {owner[_name(folder)]} has the same name; rename one of them"
    for sample in SAMPLES:
        if sample not in folders:
            yield f"{sample}: has no Dockerfile, and deployments name its image; `git checkout {sample}` restores it"


def _name(folder: str) -> str:
    return folder.rpartition("/")[2]


def ensure(  # noqa: PLR0913, PLR0917
    names: Iterable[str],
    root: Path,
    mode: str,
    ca_bundle: Path | None,
    labels: Mapping[str, str],
    report: Callable[[str], None],
    bases: Mapping[str, str] = NO_BASES,
) -> None:
    """Makes the images that the engine lacks, parents first, one after the other.

    `mode` is BASE_IMAGES: `pull` and `build` also remake images that were made the other way; `auto` pulls until a pull
    fails, reports that, and builds from then on. Raises SiteError with the reason and the path of the log.
    """
    from stack.images.builder import Builder  # render only needs names and must not wait for this import

    recipes = [Recipe(name, root, bases) for name in names]
    Builder(mode, ca_bundle, labels, report).make(recipes)
