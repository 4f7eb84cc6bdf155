"""The images of a site: what each is called, and making those that the engine lacks.

An image is a folder below `images/`, whose README.md is the page for them, or below the folders of job images. The
name of an image ends in a hash of all that it is made of: what is present under its name is right, and nothing needs
to be compared.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from stack.imagebuild_recipe import JOB_IMAGES, Recipe

NO_BASES: Mapping[str, str] = MappingProxyType({})


def reference(name: str, root: Path, bases: Mapping[str, str] = NO_BASES) -> str:
    """The image's full name. Reads a few files and asks no engine. Raises SiteError where there is no such image."""
    return Recipe(name, root, bases).reference


def references(names: Iterable[str], root: Path, bases: Mapping[str, str] = NO_BASES) -> dict[str, str]:
    """The full names of several images, for which what they share is read once."""
    known: dict[str, Recipe] = {}
    return {name: known.setdefault(name, Recipe(name, root, bases, known)).reference for name in names}


def jobs(root: Path) -> list[str]:
    """The images that jobs run in: those that hold a flow, and those of algorithms."""
    recipes = [path for place in JOB_IMAGES for path in sorted((root / place).glob("*/Dockerfile"))]
    return [path.parent.name for path in recipes]


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

    `mode` is BASE_IMAGES: `pull` and `build` also remake what was made the other way; `auto` pulls until a pull
    fails, says so, and builds from there on. Raises SiteError with the reason and the log's place.
    """
    from stack.imagebuild import Builder  # the renderer only asks for names and must not wait for the rest

    recipes = [Recipe(name, root, bases) for name in names]
    Builder(mode, ca_bundle, labels, report).make(recipes)
