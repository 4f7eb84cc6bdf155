"""The order of the tests where two processes share the files (`make test`)."""

import pytest

# Long ones first: what is short fills the gap that one process has at the end.
TIERS = ("tests/e2e/", "tests/server/", "tests/compose/", "tests/unit/")


def arrange(items: list[pytest.Item]) -> None:
    """Tier by tier; within one the order stays."""
    items.sort(key=_tier)


def _tier(item: pytest.Item) -> int:
    return next((place for place, tier in enumerate(TIERS) if item.nodeid.startswith(tier)), len(TIERS))
