"""When the forked process is the run itself, and when it has to become a new interpreter: `run_flow.attempt`."""

import asyncio
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect._internal import version_checking
from prefect.client import orchestration
from prefect.runner import _workspace_supervisor
from run_flow import attempt, tls

ORDERED = {"HOME": "/home/prefect", "PREFECT_API_URL": "http://server:4200/api", "PYTHONPATH": "/srv/site"}
NEW = 77


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The commands that Prefect's own start was called with, which would have replaced this process."""
    commands: list[list[str]] = []

    async def start_new(command: list[str], *, cwd: Path, environment: dict[str, str]) -> int:
        commands.append(command)
        return NEW

    monkeypatch.setattr(_workspace_supervisor, "_launch_engine", start_new)
    monkeypatch.setattr(sys, "path", list(sys.path))
    kept, directory = dict(os.environ), Path.cwd()
    yield commands
    attempt.adopt(kept)
    os.chdir(directory)


def launch(engine: attempt.Engine, directory: Path, changes: dict[str, str], command: list[str] | None = None) -> int:
    return asyncio.run(engine.launch(command or attempt.ENGINE, cwd=directory, environment=ORDERED | changes))


def test_an_interpreter_that_nothing_was_changed_for_is_the_run(launched: list[list[str]], tmp_path: Path) -> None:
    engine = attempt.Engine(ORDERED)
    path = f"{tmp_path}:/opt/of/a/step:/srv/site"
    changes = {"PYTHONPATH": path, "PREFECT__FLOW_ENTRYPOINT": "flow.py:flow"}
    assert launch(engine, tmp_path, changes) == 0
    assert (engine.prepared, launched) == (True, [])
    assert Path.cwd() == tmp_path
    assert dict(os.environ) == ORDERED | changes
    assert sys.path[:3] == [str(tmp_path), "/opt/of/a/step", "/srv/site"]
    assert sys.path[3:] == [entry for entry in dict.fromkeys(attempt.INTERPRETERS_PATH) if entry not in sys.path[:3]]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"PREFECT_LOGGING_LEVEL": "DEBUG"}, id="a setting of Prefect"),
        pytest.param({"LD_LIBRARY_PATH": "/opt/lib"}, id="one that is read at the start"),
        pytest.param({"HOME": "/tmp"}, id="another value"),
    ],
)
def test_a_changed_environment_gets_a_new_interpreter(
    launched: list[list[str]], tmp_path: Path, changes: dict[str, str]
) -> None:
    engine = attempt.Engine(ORDERED)
    assert launch(engine, tmp_path, changes) == NEW
    assert (engine.prepared, launched) == (False, [attempt.ENGINE])


def test_a_project_with_an_environment_of_its_own_gets_its_command(launched: list[list[str]], tmp_path: Path) -> None:
    engine, command = attempt.Engine(ORDERED), ["uv", "run", "python", "-m", "prefect.engine"]
    assert launch(engine, tmp_path, {}, command) == NEW
    assert (engine.prepared, launched) == (False, [command])


def test_prefects_clients_share_contexts_and_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (orchestration, version_checking):
        monkeypatch.setitem(vars(module), "ssl", ssl)
    tls.share_contexts()
    shared = vars(orchestration)["ssl"]
    assert shared.create_default_context() is shared.create_default_context()
    assert shared.SSLContext is ssl.SSLContext
    assert ssl.create_default_context() is not ssl.create_default_context()
