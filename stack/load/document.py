"""YAML and JSON that this project rendered: read fast."""

from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(text: str) -> Any:
    """The content of YAML or JSON."""
    return yaml.load(text, LOADER)  # noqa: S506  # both are safe
