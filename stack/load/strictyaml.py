"""YAML as users mean it: a key stands once in a mapping, and what looks like a time is text."""

import re
from typing import Any

import yaml

# What PyYAML raises besides its own errors, for `!!bool maybe`, a number of 5000 digits, 3000 brackets and the like.
BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError)
_INT, _TIME = "tag:yaml.org,2002:int", "tag:yaml.org,2002:timestamp"


class Loader(yaml.SafeLoader):
    """PyYAML lets the last of equal keys win, and reads 1:30 as the number 90 and 2026-01-01 as an object."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _TIME)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
