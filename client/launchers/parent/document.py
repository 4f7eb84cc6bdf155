"""A YAML file of the site, read into a typed model with every fault named at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from launchers.launching.errors import LaunchError
from launchers.launching.model_faults import fault_line
from launchers.launching.yaml_file import YamlError, read_yaml


class Section(BaseModel):
    """A mapping of a file: unknown keys and values of another type are faults."""

    model_config = ConfigDict(extra="forbid", strict=True)


AnySection = TypeVar("AnySection", bound=Section)


def read(path: Path, model: type[AnySection]) -> AnySection:
    """The file as its model. Raises LaunchError with a line for every fault."""
    content = _content(path)
    if not isinstance(content, dict):
        raise LaunchError(f"{path}: must be a mapping of keys to values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = [fault_line(finding, model, content) for finding in error.errors(include_url=False)]
        raise LaunchError("\n".join(f"{path}: {line}{value}" for line, value in found)) from None


def _content(path: Path) -> Any:
    try:
        return read_yaml(path) or {}
    except YamlError as error:
        raise LaunchError(str(error)) from None
