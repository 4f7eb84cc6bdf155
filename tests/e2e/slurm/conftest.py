"""A real Slurm, a Prefect server that it reaches, and workers of both kinds."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import bridge_address
from tests.e2e.slurm.launches import Launches
from tests.e2e.slurm.one_node import OneNode, running_node
from tests.server.conftest import Folder, Server, free_port, running_server


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNode]:
    """Slurm forgets what is over for a quarter of a minute."""
    with running_node(tmp_path_factory.mktemp("node"), min_job_age=15) as made:
        yield made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("prefect"), free_port(), bridge_address()) as started:
        yield started


@pytest.fixture(scope="session")
def launches(node: OneNode, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launches]:
    made = Launches(Folder(tmp_path_factory.mktemp("launches"), server), node)
    made.make()
    with made.worker_here():
        made.start_worker_on_node()
        yield made
