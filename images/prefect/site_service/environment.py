"""Settings that come through the environment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from site_service.errors import ServiceError


def seconds(environ: Mapping[str, str], name: str, default: int) -> timedelta:
    """A whole number of seconds. Raises ServiceError naming the variable."""
    return timedelta(seconds=whole_number(environ, name, default, "whole number of seconds"))


def whole_number(environ: Mapping[str, str], name: str, default: int, what: str = "whole number") -> int:
    """Raises ServiceError naming the variable."""
    text = environ.get(name) or str(default)
    if not text.isdecimal():
        raise ServiceError(f"{name} {text!r} must be a {what}, for example {default}")
    return int(text)
