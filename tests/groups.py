"""Which tests run one after another where two processes share the work (`make test`), and which files go first.

A file is a group, and so are all that share a site or an engine: it would be brought up in both processes.
"""

import pytest

# Fixtures of a session that are slow to make, and folders in which such a fixture is everybody's.
FIXTURES = ("shared", "shared_docker")
FOLDERS = ("tests/e2e/launcher", "tests/e2e/proxy")
TIERS = ("e2e", "server", "compose", "unit")


def arrange(items: list[pytest.Item]) -> None:
    """Marks each test with its group, and puts the slow tiers first: what is short fills the gaps at the end."""
    for item in items:
        # A name with a slash would be none to xdist.
        item.add_marker(pytest.mark.xdist_group(_group(item).replace("/", ".")))
    items.sort(key=_tier)


def _group(item: pytest.Item) -> str:
    wanted = getattr(item, "fixturenames", ())
    shared = [name for name in FIXTURES if name in wanted]
    return next(iter(shared), _folder(item.nodeid.partition("::")[0]))


def _folder(file: str) -> str:
    return next((folder for folder in FOLDERS if file.startswith(f"{folder}/")), file)


def _tier(item: pytest.Item) -> int:
    return next((place for place, tier in enumerate(TIERS) if item.nodeid.startswith(f"tests/{tier}/")), len(TIERS))
