"""A YAML file of the site, read into a typed model with every fault named at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from launchers.launching.errors import LaunchError
from launchers.launching.nearest import nearest


class Section(BaseModel):
    """A mapping of a file: unknown keys and values of another type are faults."""

    model_config = ConfigDict(extra="forbid", strict=True)


AnySection = TypeVar("AnySection", bound=Section)

# What PyYAML raises besides its own errors, for `!!bool maybe`, a number of 5000 digits, 3000 brackets and the like.
BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError)


class UniqueKeys(yaml.SafeLoader):
    """YAML in which a key stands once in a mapping; PyYAML itself lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read(path: Path, model: type[AnySection]) -> AnySection:
    """The file as its model. Raises LaunchError with a line for every fault."""
    content = _load(path)
    if not isinstance(content, dict):
        raise LaunchError(f"{path}: is no mapping of keys to values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [f"{path}: {_line(finding, model)}" for finding in error.errors(include_url=False)]
        raise LaunchError("\n".join(lines)) from None


def _load(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), UniqueKeys) or {}  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        raise LaunchError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LaunchError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise LaunchError(f"{path}: {_yaml_line(error)}") from None
    except BROKEN as error:
        raise LaunchError(f"{path}: this is no YAML: {' '.join(str(error).split())}") from None


def _yaml_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def _line(finding: Any, model: type[BaseModel]) -> str:
    """`algorithms.pca.image_tag: should be a valid string, and is 1.0`."""
    where = ".".join(str(part) for part in finding["loc"] if part != "[key]")
    if finding["type"] == "extra_forbidden":
        return f"{where}: unknown key{nearest(str(finding['loc'][-1]), _keys_at(model, finding['loc'][:-1]))}"
    if finding["type"] == "missing":
        return f"{where}: is missing"
    if finding["type"] == "value_error":
        return f"{where}: {finding['ctx']['error']}"
    said = re.sub("^[A-Z][a-z]+ should", "should", finding["msg"])
    quotes = "; put it in quotes" if finding["type"] == "string_type" else ""
    return f"{where}: {said}, and is {finding['input']!r}{quotes}"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place of the file: those of the model that its type hints lead to."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = _section_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `dict[str, Model]`, `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in getattr(annotation, "__args__", ()) if (found := _section_in(inner))), None)
