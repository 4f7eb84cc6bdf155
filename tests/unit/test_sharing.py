"""How the tests are shared among processes: what is named there exists, and what is first comes first."""

from types import SimpleNamespace
from typing import cast

import pytest

from tests import sharing
from tests.sites import REPO


def item(nodeid: str) -> pytest.Item:
    return cast(pytest.Item, SimpleNamespace(nodeid=nodeid))


def report(nodeid: str, seconds: float) -> pytest.TestReport:
    return cast(pytest.TestReport, SimpleNamespace(nodeid=nodeid, duration=seconds))


def test_every_file_that_is_named_is_there() -> None:
    named = [file for files in sharing.TOGETHER.values() for file in files]
    assert not [file for file in named if not (REPO / file).exists()]
    assert not [name for name in sharing.FIRST if name not in sharing.TOGETHER and not (REPO / name).exists()]


def test_what_is_first_comes_first_and_groups_stay_together() -> None:
    given = ["tests/unit/test_x.py::a", "tests/e2e/test_backup.py::a", "tests/e2e/test_a.py::a"]
    given += ["tests/e2e/test_ui.py::a", "tests/e2e/test_engines.py::a"]
    items = [item(nodeid) for nodeid in given]
    sharing.arrange(items)
    assert [one.nodeid for one in items] == [given[4], given[1], given[3], given[2], given[0]]


def test_the_table_names_what_is_long_and_sums_up_the_rest() -> None:
    reports = [report("tests/e2e/test_ui.py::a", 30), report("tests/e2e/test_backup.py::a", 31.2)]
    reports += [report("tests/unit/test_x.py::a", 3), report("tests/unit/test_y.py::a", 4)]
    assert list(sharing.table(reports)) == [
        "| tests | seconds |",
        "|---|---|",
        "| `site` | 61 |",
        "| `the rest of tests/unit/` | 7 |",
    ]
