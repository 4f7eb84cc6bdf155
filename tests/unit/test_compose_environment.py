"""What is set in a shell for Compose projects of others has no effect on the commands of a site."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.components.server import SERVER
from stack.core import docker
from stack.core.errors import SiteError
from stack.doctor import doctor
from stack.run import compose, engine, up
from stack.run.machine import ThisMachine
from tests.sites import REPO
from tests.unit.test_doctor import load, program

OTHERS = {
    "COMPOSE_PROJECT_NAME": "mine",
    "COMPOSE_FILE": "/elsewhere/compose.yaml",
    "COMPOSE_PATH_SEPARATOR": ",",
    "COMPOSE_PROFILES": "debug",
    "COMPOSE_ENV_FILES": "/elsewhere/.env",
    "COMPOSE_IGNORE_ORPHANS": "true",
    "COMPOSE_COMPATIBILITY": "true",
    "COMPOSE_SOMETHING_NEW": "1",
}
KEPT = {"DOCKER_DEFAULT_PLATFORM": "linux/arm64", "DOCKER_HOST": "tcp://10.0.0.1:2376", "DOCKER_CONTEXT": "lab"}
SEEN = "env | grep -E '^(COMPOSE|DOCKER)_' | cut -d= -f1 | sort | tr '\\n' ' '"
STRAY = (
    "2 containers of this site run in the Compose project mine, not in its own",
    "unset COMPOSE_PROJECT_NAME and COMPOSE_FILE, "
    "then remove them with `cd / && docker compose -p mine down --remove-orphans`",
)
STRAYS = 'case "$*" in *label=com.docker.compose.project*) echo mine; echo mine; echo prefect-site-server;; esac'


@pytest.fixture(autouse=True)
def _shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (OTHERS | KEPT).items():
        monkeypatch.setenv(name, value)


def test_every_kind_of_call_runs_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, compose=SEEN)
    seen = [
        docker.docker("compose", "ps").output,
        docker.docker("compose", "ps", environment=os.environ | {"DOCKER_CONFIG": "/made"}).output,
        docker.watched("compose", "ps", folder=tmp_path, look=str, pause=60).output,
        ThisMachine(tmp_path).docker("compose", "ps").output,
    ]
    with docker.start("compose", "ps", stdout=subprocess.PIPE) as started:
        assert started.stdout
        seen.append(started.stdout.read().decode())
    assert [line.split() for line in seen] == [
        sorted(KEPT),
        sorted({*KEPT, "DOCKER_CONFIG"}),
        sorted(KEPT),
        sorted(KEPT),
        sorted(KEPT),
    ]


def test_the_collection_of_garbage_runs_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, compose=f"{SEEN} >> {tmp_path}/seen")
    shutil.copy(REPO / "registry/collect-garbage.sh", tmp_path)
    subprocess.run(["sh", tmp_path / "collect-garbage.sh"], check=True, capture_output=True)
    assert set((tmp_path / "seen").read_text().split()) == set(KEPT)


def test_down_reads_no_file_of_another_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose looks for files in the folders above too, and `make down` is typed anywhere."""
    program(tmp_path, monkeypatch, compose=f"ls -A; pwd > {tmp_path}/folder")
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    monkeypatch.chdir(tmp_path)
    compose.down(SERVER, "als")
    assert not Path((tmp_path / "folder").read_text().strip()).is_relative_to(tmp_path)


@pytest.mark.parametrize("command", [up.up, up.down])
def test_containers_in_another_project_are_named(
    command: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, monkeypatch, ps=STRAYS)
    monkeypatch.setattr(engine, "unusable", lambda: None)
    with pytest.raises(SiteError) as refused:
        command(load(tmp_path, "COMPONENTS=server\n"))  # type: ignore[operator]
    assert refused.value.faults == ("; ".join(STRAY),)
    assert "is down" not in capsys.readouterr().out


def test_doctor_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, ps=STRAYS)
    monkeypatch.delenv("COMPOSE_SOMETHING_NEW")
    found = [(each.what, each.advice) for each in doctor.projects(load(tmp_path, ""), ThisMachine(tmp_path))]
    names = (
        "COMPOSE_PROJECT_NAME COMPOSE_FILE COMPOSE_PATH_SEPARATOR COMPOSE_PROFILES COMPOSE_ENV_FILES "
        "COMPOSE_COMPATIBILITY COMPOSE_IGNORE_ORPHANS"
    )
    told = f"set in this shell: {names}; `make` ignores that, but your own `docker compose` follows it"
    assert found == [(told, f"`unset {names}`"), STRAY]
