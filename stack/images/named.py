"""The images that the files of a site name: Compose files, pool templates, deployments."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

import yaml

from stack.components.client import CLIENT
from stack.core.errors import SiteError
from stack.core.files import File
from stack.load import document

COMPOSE, WORKERS = "*/compose*.yaml", "*/base-job-template*.json"
REGISTRATION = f"{CLIENT.folder}/registration.yaml"


def named(files: Iterable[File]) -> list[str]:
    """Each image once, as it is written. Raises SiteError for a user's file that cannot be read."""
    by_path = {PurePosixPath(file.path): file for file in files}
    patterns = (COMPOSE, WORKERS, *_registered(by_path.get(PurePosixPath(REGISTRATION))))
    used = [file for path, file in by_path.items() if any(map(path.match, patterns))]
    return list(dict.fromkeys(image for file in used for image in _images(_document(file))))


def _registered(file: File | None) -> Iterator[str]:
    """The files that registration reads; those of other pools and deployments belong to other components."""
    if file:
        document = _document(file)
        names = [*document["deployments"], *(pool["base_job_template"] for pool in document["pools"])]
        yield from (f"{CLIENT.folder}/{name}" for name in names)


def _document(file: File) -> Any:
    try:
        return document.parsed(file.content.decode())
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SiteError(f"{file.path}: not valid YAML: {' '.join(str(error).split())}") from None


def _images(node: Any) -> Iterator[str]:
    """The values of all `image:` below, except of a flow's parameter with this name."""
    if isinstance(node, dict):
        yield from _image(node.get("image"))
        for value in (value for key, value in node.items() if key != "parameters"):
            yield from _images(value)
    elif isinstance(node, list):
        for value in node:
            yield from _images(value)


def _image(value: Any) -> Iterator[str]:
    """A name in Compose files and deployments, a default in the schema of a pool; `{{ image }}` refers to another."""
    name = value.get("default") if isinstance(value, dict) else value
    if isinstance(name, str) and name and "{{" not in name:
        yield name
