"""A Slurm that the tests of this folder share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "client"))

from tests.e2e.slurm.one_node import OneNode, running_node


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNode]:
    with running_node(tmp_path_factory.mktemp("node")) as made:
        yield made
