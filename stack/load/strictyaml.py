"""YAML that users write, read as the registrar and the flows read it.

The package `launchers` is in client/. This module of it does not import Prefect.
"""

from typing import Any

from launchers.launching.yaml_file import YamlTextError, contains_itself, parse

from stack.core.errors import SiteError

__all__ = ["contains_itself", "read"]


def read(name: str, text: str) -> Any:
    """The document of the file `name`. Raises SiteError with one line that names the file and, if known, the line."""
    try:
        return parse(text)
    except YamlTextError as fault:
        if fault.line:
            raise SiteError(f"{name}:{fault.line}: {fault.problem}; correct the YAML on this line") from None
        raise SiteError(f"{name}: {fault.problem}") from None
