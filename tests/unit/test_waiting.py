"""A start that cannot succeed ends: `up` by its limit or at a container that ends again and again, `migrate` too."""

import dataclasses
import gc
import importlib
import time
from pathlib import Path

import pytest

from stack.core import docker
from stack.core.docker import NoAnswerError
from stack.core.errors import SiteError
from stack.run import processes, waiting
from stack.run.waiting import Container, Waiting
from tests.unit.test_doctor import load, program

POSTGRES = Container("id-1", "postgres", "restarting", "starting", 1, 7, restarted=True)
MIGRATE = Container("id-2", "migrate", "running", "", 0, 0, restarted=False)
SERVER = Container("id-3", "server", "created", "", 0, 0, restarted=True)


def again(container: Container, **changes: object) -> Container:
    return dataclasses.replace(container, **changes)  # type: ignore[arg-type]


class TestLooking:
    def looks(self, *seen: list[Container]) -> list[str]:
        shown = iter(seen)
        looking = Waiting("server", lambda: next(shown))
        return [looking.look() for _ in seen]

    def test_a_container_that_ends_again_and_again(self) -> None:
        first, second = [POSTGRES, MIGRATE], [again(POSTGRES, restarts=8), MIGRATE]
        why = "postgres (restarting, exit code 1, restarts: 8): it ends each time soon after its start"
        assert self.looks(first, first, second) == ["", "", why]

    def test_one_that_the_next_restart_cures(self) -> None:
        """As after a disk was made free: `up` comes while the engine pauses before the next restart."""
        cured = again(POSTGRES, status="running", restarts=8)
        assert self.looks([POSTGRES], [cured], [again(cured, health="healthy")]) == ["", "", ""]

    def test_one_that_ended_a_few_times_and_then_stays(self) -> None:
        """As a program that ends where another one does not answer yet."""
        assert self.looks(*([again(POSTGRES, restarts=number)] for number in range(5))) == [""] * 5

    def test_the_limit_begins_with_what_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        shown: list[Container] = []
        looking = Waiting("server", lambda: shown)
        now = 5000  # Compose builds an image of the user's
        assert not looking.look()
        shown = [MIGRATE, SERVER, again(SERVER, status="running", health="healthy")]
        assert not looking.look()
        now += 600
        assert not looking.look()
        now += 1
        assert looking.look() == "not healthy within 600 s: migrate (at work)"

    def test_it_says_what_it_waits_for(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(waiting, "SAY_SECONDS", 0)
        unhealthy = again(SERVER, status="running", health="unhealthy")
        self.looks([MIGRATE, SERVER], [SERVER], [unhealthy], [])
        assert [line.partition("waiting for ")[2] for line in capsys.readouterr().out.splitlines()] == [
            "migrate (at work)",
            "server (not started yet)",
            "server (unhealthy)",
            "Compose, which prepares images and containers",
        ]

    def test_an_engine_that_is_busy_is_asked_again(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def busy() -> list[Container]:
            raise NoAnswerError(("inspect",), 60)

        monkeypatch.setattr(waiting, "SAY_SECONDS", 0)
        assert not Waiting("server", busy).look()
        assert "waiting for the Docker engine: no answer within 60 s" in capsys.readouterr().out


def test_whose_last_words_are_shown() -> None:
    ended = again(SERVER, status="exited", code=3, service="redis")
    done = again(MIGRATE, status="exited")
    assert waiting.to_blame([MIGRATE, SERVER, POSTGRES, ended, done]) == ["postgres", "redis"]
    assert waiting.to_blame([MIGRATE, SERVER, done]) == ["migrate"]


def test_a_command_that_is_watched_is_ended_with_its_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, compose="sh -c 'echo $$ > plugin; exec sleep 600'; echo \"never\"")

    def reason() -> str:
        plugin = tmp_path / "plugin"
        return "because" if plugin.exists() and plugin.read_text().strip() else ""

    result = docker.watched("compose", "up", folder=tmp_path, look=reason, pause=0.05)
    assert (result.worked, result.reason) == (False, "because")
    ended = Path("/proc") / (tmp_path / "plugin").read_text().strip() / "stat"
    deadline = time.monotonic() + 60
    while ended.exists() and ") Z " not in ended.read_text():  # where nothing reaps orphans, it stays as a zombie
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_command_that_ends_says_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, compose="echo out; echo first >&2; echo last >&2; exit 3")
    result = docker.watched("compose", "up", folder=tmp_path, look=str, pause=0.05)
    assert (result.status, result.output, result.reason) == (3, "out\n", "last")


def test_the_last_words_of_a_process_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START_SECONDS", 0)
    monkeypatch.setattr(processes, "_answers", lambda _: False)
    state = tmp_path / ".site/processes"
    state.mkdir(parents=True)
    (state / "server.log").write_text("first\nthe disk is full\n")
    with pytest.raises(SiteError) as refused:
        processes._wait(load(tmp_path, "COMPONENTS=server\n"), "the API", "http://127.0.0.1:1", "server.log")
    assert refused.value.faults == (
        "server.log  | first\nserver.log  | the disk is full",
        f"the API did not answer within 0 s; the logs are in {state}",
    )


def test_migrate_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend("server")
    migrate = importlib.import_module("migrate")
    gc.enable()

    def refused() -> None:
        raise ConnectionRefusedError("connection refused")

    monkeypatch.setattr(migrate, "connect", refused)
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0)
    with pytest.raises(SystemExit) as ended:
        migrate.wait()
    assert ended.value.code == (
        "waited 0 s for PostgreSQL and Redis: connection refused; "
        "`docker compose logs postgres redis` in server/ says why"
    )
    assert capsys.readouterr().out == "waiting: connection refused\n"
