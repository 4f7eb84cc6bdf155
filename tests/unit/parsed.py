"""Settings of a test's own, as they would stand in `.env`."""

from collections.abc import Mapping

from stack.components.settings import PARSERS, Settings


def parse(given: Mapping[str, str]) -> Settings:
    """Raises ValueError at the first that is wrong."""
    return Settings(**{key: PARSERS[key](value) for key, value in given.items()})
