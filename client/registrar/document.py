"""A YAML file, read into a typed model with every fault named at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from registrar.errors import RegistrarError, nearest, raise_all

ENVIRONMENT = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")


class Section(BaseModel):
    """A mapping of a file. Keys that it does not know are faults."""

    model_config = ConfigDict(extra="forbid", strict=True)


AnySection = TypeVar("AnySection", bound=Section)

# What PyYAML raises besides its own errors, for `!!bool maybe`, a number of 5000 digits, 3000 brackets and the like.
BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError)


class UniqueKeys(yaml.SafeLoader):
    """YAML as the standard has it: a key stands once in a mapping. PyYAML itself lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Any:
    """The file's content, with `{{ $NAME }}` replaced from the environment. Raises RegistrarError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), UniqueKeys)  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        raise RegistrarError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RegistrarError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise RegistrarError(f"{path}: {yaml_line(error)}") from None
    except BROKEN as error:
        raise RegistrarError(f"{path}: this is no YAML: {' '.join(str(error).split())}") from None
    missing: set[str] = set()
    content = from_environment(content, environment, missing)
    raise_all(f"{path}: {{{{ ${name} }}}}: the environment has no variable {name}" for name in sorted(missing))
    return content


def yaml_line(error: yaml.YAMLError) -> str:
    """PyYAML's message in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def from_environment(value: Any, environment: Mapping[str, str], missing: set[str]) -> Any:
    """The value with its `{{ $NAME }}` replaced; names that the environment lacks are added to `missing`."""
    if isinstance(value, dict):
        # A pull step runs in the worker, so its placeholders are the worker's to fill.
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
        raise RegistrarError(f"{path}: is no mapping of keys to values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        findings = [validation_line(finding, model, content) for finding in error.errors(include_url=False)]
        raise RegistrarError(*[f"{path}: {line}{value}" for line, value in findings]) from None


def validation_lines(error: ValidationError, model: type[BaseModel], content: Any) -> list[str]:
    """Pydantic's findings, one line each, in the words of the file and without the values, which may be secret."""
    return [validation_line(finding, model, content)[0] for finding in error.errors(include_url=False)]


def validation_line(finding: Any, model: type[BaseModel], content: Any) -> tuple[str, str]:
    """`pools[0].type: should be a valid string` and `, and is 5`."""
    where, value = place(finding["loc"], content)
    if finding["type"] == "extra_forbidden":
        return f"{where}: unknown key{nearest(str(finding['loc'][-1]), keys_at(model, finding['loc'][:-1]))}", ""
    if finding["type"] == "missing":
        return f"{where}: is missing", ""
    if finding["type"] == "value_error":
        return f"{where}: {finding['ctx']['error']}", ""
    return f"{where}: {re.sub('^[A-Z][a-z]+ should', 'should', finding['msg'])}", f", and is {value!r}"


def place(location: tuple[int | str, ...], content: Any) -> tuple[str, Any]:
    """`("pools", 0, "type")` as `pools[0].type`, and what stands there.

    Pydantic's location also names types that it tried; they are no part of the file and are left out.
    """
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif isinstance(content, dict) and (part in content or part == location[-1]):
            text += f".{part}"
        else:
            continue
        content = step(content, part)
    return text.lstrip(".") or "the file", content


def step(content: Any, part: int | str) -> Any:
    """One level down, or None where there is nothing."""
    try:
        return content[part]
    except (KeyError, IndexError, TypeError):
        return None


def keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place of the file: those of the model that its type hints lead to."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = section_in(model.model_fields[part].annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `list[Model]`, `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := section_in(inner):
            return found
    return None
