"""YAML that users write: a key appears once in a mapping, and what looks like a time is text."""

import re
from typing import Any

import yaml

from stack.core.errors import SiteError

# What PyYAML raises beside its own errors, for `!!bool maybe`, a number of 5000 digits, 3000 brackets and the like.
_BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError)
_INT, _TIME = "tag:yaml.org,2002:int", "tag:yaml.org,2002:timestamp"


def read(name: str, text: str) -> Any:
    """The document of the file `name`. Raises SiteError with one line that names the file and, if known, the line."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SiteError(f"{name}{line}: {error.problem}; correct the YAML on this line") from None
    except (yaml.YAMLError, *_BROKEN) as error:
        raise SiteError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None


class _Loader(yaml.SafeLoader):
    """PyYAML lets the last of equal keys win, and reads 1:30 as the number 90 and 2026-01-01 as an object."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} appears twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _TIME)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
