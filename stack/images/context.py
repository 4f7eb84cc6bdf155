"""The folders that an image is built from, as copies whose modes follow from their contents.

COPY takes over the modes of what it copies, and the name of an image covers contents. So a checkout made under a strict
umask would make an image that its unprivileged user cannot read, under the name of the right one.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.core.files import FOLDER_MODE
from stack.images.recipe import FLOWS, Recipe, mode


@dataclass(frozen=True)
class Context:
    """`folder` is what docker calls the context; `flows` is the one that a Dockerfile knows by this name."""

    folder: Path
    flows: Path


@contextmanager
def context(recipe: Recipe, place: Path) -> Iterator[Context]:
    """Copies below `place`, removed afterwards. Of the flows only those that the Dockerfile names."""
    with tempfile.TemporaryDirectory(dir=place, prefix="context-") as name:
        made = Context(Path(name) / "image", Path(name) / "flows")
        shutil.copytree(recipe.folder, made.folder, True, shutil.ignore_patterns("__pycache__"), _copy)
        for path in recipe.flows:
            (made.flows / path).parent.mkdir(parents=True, exist_ok=True)
            _copy(recipe.root / FLOWS / path, made.flows / path)
        for folder in (each for each in Path(name).rglob("*") if each.is_dir() and not each.is_symlink()):
            folder.chmod(FOLDER_MODE)
        yield made


def _copy(source: str | Path, target: str | Path) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(mode(Path(source)))
