"""The images that the files of a site name: Compose files, pool templates, deployments."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from stack.components.client import CLIENT
from stack.core.errors import SiteError, all_of
from stack.core.files import File
from stack.load import document, strictyaml

COMPOSE, WORKERS = "*/compose*.yaml", "*/base-job-template*.json"
# Files that a user writes; the others are rendered.
USERS = (f"{CLIENT.folder}/deployments/*.yaml", "*/compose.override*.yaml")
REGISTRATION = f"{CLIENT.folder}/registration.yaml"


def named(files: Iterable[File]) -> list[str]:
    """Each image once, as it is written. Raises SiteError with a line for each user's file that cannot be read."""
    by_path = {PurePosixPath(file.path): file for file in files}
    patterns = (COMPOSE, WORKERS, *_registered(by_path.get(PurePosixPath(REGISTRATION))))
    used = [file for path, file in by_path.items() if any(map(path.match, patterns))]
    documents = all_of(partial(_document, file) for file in used)
    return list(dict.fromkeys(image for each in documents for image in _images(each)))


def _registered(file: File | None) -> Iterator[str]:
    """The files that registration reads; those of other pools and deployments belong to other components."""
    if file:
        registered = _document(file)
        names = [*registered["deployments"], *(pool["base_job_template"] for pool in registered["pools"])]
        yield from (f"{CLIENT.folder}/{name}" for name in names)


def _document(file: File) -> Any:
    """Rendered files were checked when they were made, and are read fast."""
    if not any(map(PurePosixPath(file.path).match, USERS)):
        return document.parsed(file.content.decode())
    try:
        text = file.content.decode()
    except UnicodeDecodeError as error:
        raise SiteError(f"{file.path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    content = strictyaml.read(file.path, text)
    if strictyaml.contains_itself(content):
        raise SiteError(f"{file.path}: not valid YAML: an anchor contains itself")
    return content


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
