"""Principal components of 1797 handwritten digits: a small, real algorithm for `launch_docker` to run.

    python /app/pca.py PARAMS.yaml

PARAMS.yaml (the launcher writes it):

    task: train                # train: find the components; update: those of an earlier run and more images;
                               # transform: apply those of an earlier run
    components: 10             # train only: how many of at most 64
    images: [0, 1000]          # train and update only: the first one, and the first one that is left out
    io_parameters:
      uid_save: ...            # the result goes to RESULTS/uid_save
      uid_retrieve: ...        # update and transform only: the model is read from RESULTS/uid_retrieve
      results_dir: /app/results

The images are 8 x 8 pixels with whole numbers from 0 to 16: the test part of "Optical Recognition of Handwritten
Digits" (E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, CC BY 4.0), as scikit-learn ships it.
The components are found in the first 1000 images; the other 797 are what `transform` is applied to. A chain of one
`train` and any number of `update` finds what one `train` of all their images would, as far as the components that are
kept tell: D. Ross, J. Lim, R.-S. Lin, M.-H. Yang, "Incremental Learning for Robust Visual Tracking", IJCV 77 (2008).
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIGITS = Path(__file__).with_name("digits.csv.gz")
TRAINING_IMAGES = 1000
PIXELS = 64


class PcaError(Exception):
    """What is wrong with the parameters or the files, in one line."""


@dataclass(frozen=True)
class Model:
    """What is known of `count` images: their mean (64) in grey levels, components (n x 64, orthonormal rows), and of
    each its singular value in the centred images (n) and its share of their variance (n)."""

    mean: Array
    components: Array
    singular: Array
    shares: Array
    count: int


@dataclass(frozen=True)
class Parameters:
    """The parameters file, checked."""

    task: str
    components: int
    images: slice
    uid_save: str
    uid_retrieve: str
    results: Path


def fit(images: Array, components: int) -> Model:
    """The first principal components of `images` (m x 64), by singular values of the centred images.

    A component's sign is arbitrary; the one that makes its largest entry positive is taken, so that two runs agree.
    """
    mean = images.mean(axis=0)
    return _decomposed(images - mean, mean, len(images), components)


def extended(model: Model, images: Array) -> Model:
    """The model of its images and these together; the shares are of the variance that it still knows of."""
    count = model.count + len(images)
    mean = images.mean(axis=0)
    between = np.sqrt(model.count * len(images) / count) * (model.mean - mean)
    rows = np.vstack([model.singular[:, None] * model.components, images - mean, between])
    together = (model.count * model.mean + len(images) * mean) / count
    return _decomposed(rows, together, count, len(model.components))


def _decomposed(rows: Array, mean: Array, count: int, components: int) -> Model:
    """The model of images whose scatter is that of the centred `rows`."""
    _, singular, axes = np.linalg.svd(rows, full_matrices=False)
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    axes *= np.sign(largest)[:, None]
    shares = singular**2 / np.sum(singular**2)
    return Model(mean, axes[:components], singular[:components], shares[:components], count)


def project(model: Model, images: Array) -> Array:
    """The scores (m x n) of `images` (m x 64) on the model's components."""
    scores: Array = (images - model.mean) @ model.components.T
    return scores


def mean_squared_error(model: Model, images: Array, scores: Array) -> float:
    """Mean over images and pixels of the squared grey levels that the components leave unexplained."""
    return float(np.mean((images - model.mean - scores @ model.components) ** 2))


def read_parameters(path: Path) -> Parameters:
    """Raises PcaError naming the first entry that is wrong."""
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        io_parameters = content["io_parameters"]
        first, end = content.get("images", (0, TRAINING_IMAGES))
        parameters = Parameters(
            task=content.get("task", "train"),
            components=content.get("components", 10),
            images=slice(int(first), int(end)),
            uid_save=_uid(io_parameters, "uid_save"),
            uid_retrieve=_uid(io_parameters, "uid_retrieve") if content.get("task") in RETRIEVING else "",
            results=Path(io_parameters.get("results_dir", "/app/results")),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise PcaError(f"the parameters file {path} cannot be read: {error!r}") from None
    if parameters.task not in TASKS:
        raise PcaError(f"task is {parameters.task!r}: write {', '.join(TASKS)}")
    if type(parameters.components) is not int or not 1 <= parameters.components <= PIXELS:
        raise PcaError(f"components is {parameters.components!r}: write a whole number from 1 to {PIXELS}")
    return parameters


def train(parameters: Parameters, images: Array) -> dict[str, object]:
    """Finds the components and saves them; returns the summary."""
    return _saved(parameters, fit(_training(parameters, images), parameters.components))


def update(parameters: Parameters, images: Array) -> dict[str, object]:
    """Extends the model of the run `uid_retrieve` by more images and saves it; returns the summary."""
    model = extended(_retrieved(parameters), _training(parameters, images))
    return {**_saved(parameters, model), "model": parameters.uid_retrieve}


def transform(parameters: Parameters, images: Array) -> dict[str, object]:
    """Applies the model of the run `uid_retrieve` and saves the scores; returns the summary."""
    model = _retrieved(parameters)
    rest = images[TRAINING_IMAGES:]
    scores = project(model, rest)
    save(parameters, "scores.npz", {"scores": scores})
    error = mean_squared_error(model, rest, scores)
    return {"images": len(rest), "model": parameters.uid_retrieve, "mean_squared_error": error}


def _training(parameters: Parameters, images: Array) -> Array:
    """The images that the parameters name. Raises PcaError where these are none."""
    found = images[:TRAINING_IMAGES][parameters.images]
    if not len(found):
        raise PcaError(f"images names none of the first {TRAINING_IMAGES}: write for example [0, 400]")
    return found


def _saved(parameters: Parameters, model: Model) -> dict[str, object]:
    save(parameters, "model.npz", {**asdict(model), "count": np.asarray(model.count)})
    return {"images": model.count, "components": len(model.components), "variance": float(model.shares.sum())}


def _retrieved(parameters: Parameters) -> Model:
    path = parameters.results / parameters.uid_retrieve / "model.npz"
    if not path.is_file():
        raise PcaError(f"there is no model {path}: uid_retrieve must name a run that trained one")
    with np.load(path) as saved:
        return Model(
            **{name: saved[name] for name in ("mean", "components", "singular", "shares")}, count=int(saved["count"])
        )


TASKS = {"train": train, "update": update, "transform": transform}
RETRIEVING = ("update", "transform")


def save(parameters: Parameters, name: str, arrays: dict[str, Array]) -> None:
    """Writes RESULTS/uid_save/name so that no reader ever sees half of it."""
    path = parameters.results / parameters.uid_save / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".part").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    path.with_suffix(".part").replace(path)


def main(arguments: list[str]) -> None:
    """Runs the task and writes summary.json last: where it is, the result is whole. Raises PcaError."""
    if len(arguments) != 1:
        raise PcaError("one argument is needed: the path of the parameters file")
    parameters = read_parameters(Path(arguments[0]))
    images = np.loadtxt(DIGITS, delimiter=",")[:, :PIXELS]  # the last column is the digit itself
    print(f"{parameters.task}: {len(images)} images of {PIXELS} pixels", flush=True)
    summary = {"task": parameters.task, **TASKS[parameters.task](parameters, images)}
    path = parameters.results / parameters.uid_save / "summary.json"
    path.write_text(json.dumps(summary), encoding="utf-8")
    print(f"saved {path}: {json.dumps(summary)}", flush=True)


def _uid(io_parameters: dict[str, Any], name: str) -> str:
    """A name of one directory: the parameters must not lead out of the results."""
    uid = str(io_parameters.get(name, ""))
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", uid):
        raise PcaError(f"io_parameters.{name} is {uid!r}: write the id of a flow run")
    return uid


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PcaError as problem:
        sys.exit(f"pca: {problem}")
    except OSError as problem:
        sys.exit(f"pca: {problem.filename}: {os.strerror(problem.errno or 0)}")
