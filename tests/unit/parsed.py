"""Settings of a test's own, as if they were in `.env`."""

from collections.abc import Mapping

from stack.components.all import SETTINGS
from stack.settings.settings import Settings


def parse(given: Mapping[str, str]) -> Settings:
    """Raises ValueError at the first that is wrong."""
    return SETTINGS.defaults(**{key: SETTINGS.parsers[key](value) for key, value in given.items()})
