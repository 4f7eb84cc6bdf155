"""A real Slurm, a Prefect server that it reaches, and workers of both kinds."""

import pytest

from tests.e2e.conftest import bridge_address
from tests.e2e.slurm.launches import Launches
from tests.e2e.slurm.one_node import OneNode, running_node
from tests.server.conftest import Folder, Server, free_port, running_server
from tests.sharing import SHARED


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> OneNode:
    """Slurm forgets what is over for a quarter of a minute."""
    return SHARED.enter_context(running_node(tmp_path_factory.mktemp("node"), min_job_age=15))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return SHARED.enter_context(running_server(tmp_path_factory.mktemp("prefect"), free_port(), bridge_address()))


@pytest.fixture(scope="session")
def launches(node: OneNode, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Launches:
    made = Launches(Folder(tmp_path_factory.mktemp("launches"), server), node)
    made.make()
    SHARED.enter_context(made.worker_here())
    made.start_worker_on_node()
    return made
