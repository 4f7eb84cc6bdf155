"""`up` leaves a component alone only where Compose would change nothing; an engine of paper says what there is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack import site
from stack.components.agent import AGENT
from stack.components.client import CLIENT
from stack.components.component import Component
from stack.components.server import SERVER
from stack.core.docker import Result
from stack.run import compose, nested, push, settled, up
from stack.site import Site


class Engine:
    """What `docker` prints about a project of one service that runs and one that has ended."""

    def __init__(self) -> None:
        self.configuration = "services: {}\n"
        self.images = {"prefect:1": "sha256:1"}
        self.containers = [container("server", "unless-stopped"), container("migrate", "on-failure", "exited")]
        self.failing: tuple[str, ...] = ()

    def docker(self, *words: str, **_: object) -> Result:
        said: dict[str, Callable[[], str]] = {
            "compose": lambda: self.configuration,
            "ps": lambda: "\n".join(each["Id"] for each in self.containers),
            "inspect": lambda: json.dumps(self.containers),
            "image": lambda: "\n".join(self.images[name] for name in words[4:]),
        }
        return Result(1) if words[0] in self.failing else Result(0, said[words[0]]())


def container(service: str, policy: str, status: str = "running") -> dict[str, Any]:
    return {
        "Id": f"id-of-{service}",
        "Image": "sha256:1",
        "Config": {"Image": "prefect:1"},
        "HostConfig": {"RestartPolicy": {"Name": policy}},
        "State": {"Status": status, "ExitCode": 0} | ({"Health": {"Status": "healthy"}} if status == "running" else {}),
        "NetworkSettings": {"Networks": {"site": {"NetworkID": "net-1"}}},
    }


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(settled, "docker", made.docker)
    monkeypatch.setattr(compose, "docker", made.docker)
    return made


def load(folder: Path, components: str = "server agent client") -> Site:
    (folder / ".env").write_text(f"COMPONENTS={components}\nPREFECT_API_URL=\n")
    return site.load(folder / ".env", folder)


@pytest.fixture
def recorded(engine: Engine, tmp_path: Path) -> Site:
    loaded = load(tmp_path)
    settled.record(loaded, SERVER)
    settled.record(loaded, AGENT)
    return loaded


def test_without_a_record_compose_decides(engine: Engine, tmp_path: Path) -> None:
    assert settled.unchanged(load(tmp_path)) == set()


def test_what_is_as_its_last_up_left_it_is_left_alone(recorded: Site) -> None:
    assert settled.unchanged(recorded) == {SERVER, AGENT}
    assert CLIENT not in settled.unchanged(recorded)  # its one service registers at each `up`


def new_configuration(engine: Engine) -> None:
    engine.configuration = "services: {server: {}}\n"


def remade_image(engine: Engine) -> None:
    engine.images["prefect:1"] = "sha256:2"


def other_container(engine: Engine) -> None:
    engine.containers[0]["Id"] = "id-of-another"


def removed_container(engine: Engine) -> None:
    del engine.containers[1]


def one_more_container(engine: Engine) -> None:
    engine.containers.append(container("worker", "unless-stopped"))


def left_network(engine: Engine) -> None:
    engine.containers[0]["NetworkSettings"]["Networks"] = {}


def stopped(engine: Engine) -> None:
    engine.containers[0]["State"] = {"Status": "exited", "ExitCode": 0}


def unhealthy(engine: Engine) -> None:
    engine.containers[0]["State"]["Health"]["Status"] = "unhealthy"


def starting(engine: Engine) -> None:
    engine.containers[0]["State"]["Health"]["Status"] = "starting"


def paused(engine: Engine) -> None:
    engine.containers[0]["State"]["Status"] = "paused"


def failed_migration(engine: Engine) -> None:
    engine.containers[1]["State"]["ExitCode"] = 1


def nothing_runs(engine: Engine) -> None:
    engine.containers.clear()


CHANGES = [
    new_configuration,
    remade_image,
    other_container,
    removed_container,
    one_more_container,
    left_network,
    stopped,
    unhealthy,
    starting,
    paused,
    failed_migration,
    nothing_runs,
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_difference_is_left_to_compose(recorded: Site, engine: Engine, change: Callable[[Engine], None]) -> None:
    change(engine)
    assert settled.unchanged(recorded) == set()


@pytest.mark.parametrize("word", ["compose", "ps", "inspect", "image"])
def test_an_engine_that_does_not_say_it_is_left_to_compose(recorded: Site, engine: Engine, word: str) -> None:
    engine.failing = (word,)
    assert settled.unchanged(recorded) == set()


@pytest.mark.parametrize("change", [stopped, unhealthy, failed_migration, nothing_runs])
def test_what_has_failed_since_is_not_recorded(
    engine: Engine, tmp_path: Path, change: Callable[[Engine], None]
) -> None:
    """Otherwise the next `up` would find it just so, and leave it."""
    loaded = load(tmp_path)
    change(engine)
    settled.record(loaded, SERVER)
    assert settled.unchanged(loaded) == set()
    assert not (tmp_path / settled.RECORDS / SERVER.name).exists()


def test_without_the_registrar_the_workers_folder_publishes_the_code_at_each_up(engine: Engine, tmp_path: Path) -> None:
    loaded = load(tmp_path, "server agent")
    settled.record(loaded, SERVER)
    settled.record(loaded, AGENT)
    assert settled.unchanged(loaded) == {SERVER}


def test_a_service_without_a_check_of_its_health_is_well_while_it_runs() -> None:
    one = container("socket", "always")
    del one["State"]["Health"]
    assert settled.is_well(one)


def test_up_starts_what_is_not_settled_and_prepares_engines_in_either_case(
    recorded: Site, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []

    def run(_: Path, component: Component, environment: dict[str, str]) -> bool:
        calls.append(f"run {component.name} {environment}")
        return True

    monkeypatch.setattr(nested, "prepare", lambda _, component: calls.append(f"prepare {component.name}"))
    monkeypatch.setattr(push, "push", lambda *_: None)
    monkeypatch.setattr(compose, "up", lambda _, component: calls.append(f"up {component.name}"))
    monkeypatch.setattr(compose, "run", run)
    (recorded.root / settled.RECORDS / AGENT.name).unlink()
    up._up_containers(recorded)
    samples = {"REGISTRAR_SAMPLES": "weather/weather"}
    assert calls == ["prepare server", "prepare agent", "up agent", f"run client {samples}"]
    assert capsys.readouterr().out == "server: healthy, nothing to start\n"
    assert settled.unchanged(recorded) == {SERVER, AGENT}
