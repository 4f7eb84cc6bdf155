"""The catalogue: which algorithms there are, and what each needs to run anywhere. `catalogue.yml`, a user's file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from launchers.containers.schema import Size
from launchers.launching.nearest import nearest
from launchers.parent.document import Section, read


def _below(text: str) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{text!r} is not a path below the algorithm's folder: write for example train.py")
    return text


Script = Annotated[str, AfterValidator(_below)]


class Algorithm(Section):
    """One algorithm: its image for containers, its conda environment elsewhere, and a script for each task."""

    image_name: str = ""
    image_tag: str = ""
    conda_env: str = ""
    folder: str = Field(default="", description="Below the site's code_dir; empty: the algorithm's name.")
    memory: Size = Field(default=Size(""), description="For example 4g; empty: the environment's own limit.")
    cpus: Annotated[float, Field(gt=0)] | None = None
    gpus: str = ""
    tasks: dict[str, Script] = Field(min_length=1)


class Catalogue(Section):
    """The whole file: algorithms by name. `definitions` is for anchors alone."""

    definitions: Any = None
    algorithms: dict[str, Algorithm]


def read_catalogue(path: Path) -> Catalogue:
    """The file, checked. Raises LaunchError with a line for every fault."""
    return read(path, Catalogue)


def faults(catalogue: Catalogue, model_name: str, task_name: str) -> list[str]:
    """What keeps this task of this model from being found."""
    algorithm = catalogue.algorithms.get(model_name)
    if algorithm is None:
        return [f"there is no model {model_name!r} in the catalogue{nearest(model_name, catalogue.algorithms)}"]
    if task_name not in algorithm.tasks:
        return [f"model {model_name!r} has no task {task_name!r}{nearest(task_name, algorithm.tasks)}"]
    return []
