"""A YAML file that a user writes: read strictly, or refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# What PyYAML raises beside its own errors, for `!!bool maybe`, a number of 5000 digits, 3000 brackets and the like.
BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError)


class YamlError(ValueError):
    """One line that names the file, the place in it and the fault."""


class UniqueKeys(yaml.SafeLoader):
    """YAML as the standard has it: a mapping has a key once. PyYAML itself uses the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} appears twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The file's content. Raises YamlError."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), UniqueKeys)  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        raise YamlError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise YamlError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise YamlError(f"{path}: {_one_line(error)}") from None
    except BROKEN as error:
        raise YamlError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]
