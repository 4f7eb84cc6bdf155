"""YAML that a user writes: read strictly, or refused in one line. Flows, registrar and render read with it.

It reads what `prefect deploy` reads, which is PyYAML's safe loader, as Prefect then sends it on, except that

- a key may appear once in a mapping, where PyYAML lets the last one win;
- `1:30` and `010` are text, where PyYAML reads the numbers 90 and 8.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

# What PyYAML raises beside its own errors, for `!!bool maybe`, a number of 5000 digits, 3000 brackets and the like.
BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError)
_INT, _TIME, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("int", "timestamp", "merge"))
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)$")


class YamlError(ValueError):
    """One line that names the file, the place in it and the fault."""


class YamlTextError(ValueError):
    """What is wrong with a text; `line` counts from 1, and is 0 where it is not known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line


def parse(text: str) -> Any:
    """The text's one document. Raises YamlTextError."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise YamlTextError(str(error.problem), error.problem_mark.line + 1 if error.problem_mark else 0) from None
    except (yaml.YAMLError, *BROKEN) as error:
        raise YamlTextError(f"not valid YAML: {' '.join(str(error).split())}") from None


def read_yaml(path: Path) -> Any:
    """The file's content. Raises YamlError."""
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise YamlError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise YamlError(f"{path}: cannot be read: {error}") from None
    except YamlTextError as fault:
        raise YamlError(f"{path}: {f'line {fault.line}: ' if fault.line else ''}{fault.problem}") from None
    if contains_itself(content):
        raise YamlError(f"{path}: not valid YAML: an anchor contains itself")
    return content


class _Loader(yaml.SafeLoader):
    """As the module says."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._looked_at: set[yaml.MappingNode] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Puts the keys of a `<<` into the node, which may be merged itself: so only the first look sees its own."""
        if node not in self._looked_at:
            self._looked_at.add(node)
            self._refuse_repeated(node)
        super().flatten_mapping(node)

    def _refuse_repeated(self, node: yaml.MappingNode) -> None:
        seen = []
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (said := (key.tag, key.value)) in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} appears twice", problem_mark=key.start_mark)
            seen.append(said)

    def construct_time(self, node: yaml.ScalarNode) -> str:
        """The text of a date or time as Prefect sends it to its server; what is in no calendar as it is written."""
        try:
            return str(self.construct_yaml_timestamp(node).isoformat()).replace("+00:00", "Z")
        except ValueError:
            return str(node.value)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _INT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, _WHOLE, list("-+0123456789"))
_Loader.add_constructor(_TIME, _Loader.construct_time)


def contains_itself(value: Any) -> bool:
    """Whether an anchor is used inside itself: nothing can go through such a document."""
    done: set[int] = set()

    def looked_at(value: Any, above: frozenset[int]) -> bool:
        if not isinstance(value, dict | list) or id(value) in done:
            return False
        inside, here = value.values() if isinstance(value, dict) else value, above | {id(value)}
        found = id(value) in above or any(looked_at(one, here) for one in inside)
        done.add(id(value))
        return found

    return looked_at(value, frozenset())
