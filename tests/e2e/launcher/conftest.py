"""Engines to launch on, sites that must leave nothing on them, and a Prefect server to launch from."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "client"))

from tests.e2e.launcher.attempts import Site, a_site
from tests.e2e.launcher.places import Place, running_podman, tiny_images
from tests.e2e.launcher.runs import Runs
from tests.server.conftest import Server, free_port, running_server
from tests.sharing import SHARED


@pytest.fixture(scope="session")
def tiny(site_images: None) -> tuple[str, ...]:
    return tiny_images()


@pytest.fixture(scope="session")
def docker_place(tiny: tuple[str, ...]) -> Place:
    return Place("docker", "unix:///var/run/docker.sock", ("docker",), tiny)


@pytest.fixture(scope="session")
def podman_place(tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Place:
    return SHARED.enter_context(running_podman(tmp_path_factory.getbasetemp(), tiny))


@pytest.fixture(params=["docker", "podman"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def site(place: Place, tmp_path: Path) -> Iterator[Site]:
    """A site on each of the engines in turn."""
    with a_site(tmp_path, place) as made:
        yield made


@pytest.fixture
def docker_site(docker_place: Place, tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path, docker_place) as made:
        yield made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return SHARED.enter_context(running_server(tmp_path_factory.mktemp("prefect"), free_port()))


@pytest.fixture
def runs(server: Server) -> Iterator[Callable[[Site], Runs]]:
    """Flow runs of a site: `runs(site)`."""
    made: list[Runs] = []

    def make(site: Site) -> Runs:
        made.append(Runs(server, site))
        return made[-1]

    yield make
    for one in made:
        one.end()
