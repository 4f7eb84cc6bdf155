"""A YAML file, read into a typed model with every fault named at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from launchers.launching.model_faults import fault_line
from launchers.launching.yaml_file import YamlError, read_yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from registrar.errors import RegistrarError, raise_all

ENVIRONMENT = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")


class Section(BaseModel):
    """A mapping of a file. Keys that it does not know are faults."""

    model_config = ConfigDict(extra="forbid", strict=True)


AnySection = TypeVar("AnySection", bound=Section)


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Any:
    """The file's content, with `{{ $NAME }}` replaced from the environment. Raises RegistrarError."""
    try:
        content = read_yaml(path)
    except YamlError as error:
        raise RegistrarError(str(error)) from None
    missing: set[str] = set()
    content = from_environment(content, environment, missing)
    raise_all(f"{path}: {{{{ ${name} }}}}: the environment has no variable {name}" for name in sorted(missing))
    return content


def from_environment(value: Any, environment: Mapping[str, str], missing: set[str]) -> Any:
    """The value with its `{{ $NAME }}` replaced; names that the environment lacks are added to `missing`."""
    if isinstance(value, dict):
        # A pull step runs in the worker, which fills its placeholders.
        return {k: v if k == "pull" else from_environment(v, environment, missing) for k, v in value.items()}
    if isinstance(value, list):
        return [from_environment(item, environment, missing) for item in value]
    if not isinstance(value, str):
        return value
    missing.update(set(ENVIRONMENT.findall(value)) - set(environment))
    return ENVIRONMENT.sub(lambda match: environment.get(match[1], ""), value)


def parse(path: Path, model: type[AnySection], environment: Mapping[str, str] = os.environ) -> AnySection:
    """The file as its model. Raises RegistrarError with a line for every key that is wrong."""
    content = load(path, environment)
    if not isinstance(content, dict):
        raise RegistrarError(f"{path}: must be a mapping of keys to values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        findings = [fault_line(finding, model, content) for finding in error.errors(include_url=False)]
        raise RegistrarError(*[f"{path}: {line}{value}" for line, value in findings]) from None


def validation_lines(error: ValidationError, model: type[BaseModel], content: Any) -> list[str]:
    """Pydantic's findings, one line each, in the words of the file and without the values, which may be secret."""
    return [fault_line(finding, model, content)[0] for finding in error.errors(include_url=False)]
