"""Where a site runs: as processes only where there is no engine at all, or by setting; else the reason is said."""

from pathlib import Path

import pytest

from stack.core.errors import SiteError
from stack.core.finding import FAIL, NOTE
from stack.doctor import doctor
from stack.run import engine, processes, up
from stack.run.engine import CONTAINERS, PROCESSES
from stack.run.machine import ThisMachine
from tests.unit.test_doctor import HANGS, load, program

OR = ", or set SITE_RUNS_AS=processes in .env to run without containers"
JOIN = "add the user to the group that owns the socket and log in again"
CHECK = "check DOCKER_HOST and `docker context ls`, and whether that engine runs"
NONE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NONE_29 = (
    "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the "
    "daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory"
)
CLOSED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
    '"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version": dial unix /var/run/docker.sock: connect: permission denied'
)
FAR = "Cannot connect to the Docker daemon at tcp://10.0.0.1:2375. Is the docker daemon running?"
SSH = "error during connect: command [ssh -- lab docker system dial-stdio] has exited with exit status 255"
CONTEXT = 'unable to resolve docker endpoint: context "lab": context not found'
OLD = "Error response from daemon: client version 1.10 is too old. Minimum supported API version is 1.24"


@pytest.fixture(autouse=True)
def _default_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def says(reason: str) -> str:
    return f"cat >&2 <<'END'\n{reason}\nEND\nexit 1"


def without_engine(folder: Path, monkeypatch: pytest.MonkeyPatch, **commands: str) -> None:
    """A `docker` as it answers, on a machine where nothing else of an engine is installed."""
    program(folder, monkeypatch, **commands)
    for name in ("sh", "cat", "sleep"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))


def refused(root: Path, wanted: str = "auto") -> str:
    with pytest.raises(SiteError) as stopped:
        engine.choose(root, wanted)
    (fault,) = stopped.value.faults
    return fault


@pytest.mark.parametrize("reason", [NONE, NONE_29])
def test_processes_where_there_is_no_engine(reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, version=says(reason))
    assert engine.choose(tmp_path) == PROCESSES


def test_processes_where_there_is_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.choose(tmp_path) == PROCESSES


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (CLOSED, f"this user may not use the Docker socket; {JOIN}"),
        *((reason, f"no Docker daemon answers ({reason}); {CHECK}") for reason in (FAR, SSH, CONTEXT, OLD)),
    ],
)
def test_an_engine_that_refuses(reason: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, version=says(reason))
    assert refused(tmp_path) == f"{said}{OR}"


def test_an_engine_that_answers_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, version=HANGS)
    monkeypatch.setattr(engine, "ANSWER_SECONDS", 0.2)
    said = "the Docker daemon gave no answer within 0.2 s; wait until the machine is less busy, or restart the engine"
    assert refused(tmp_path) == f"{said}{OR}"


def test_an_engine_without_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, compose=says("docker: 'compose' is not a docker command."))
    assert refused(tmp_path) == f"docker has no Compose plugin; install Compose 2.20 or later (`make engine`){OR}"


def test_an_engine_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, version=says(NONE))
    (tmp_path / "dockerd").symlink_to("/bin/true")
    assert refused(tmp_path) == f"no Docker daemon answers ({NONE}); start the engine (`make engine`){OR}"
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")  # that of another machine, or of none
    assert engine.choose(tmp_path) == PROCESSES


def test_an_engine_of_this_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, version=says(NONE))
    (tmp_path / "docker.sock").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    own = f"run `export DOCKER_HOST=unix://{tmp_path}/docker.sock`, where your own engine is"
    assert refused(tmp_path) == f"no Docker daemon answers ({NONE}); {own}{OR}"


class TestBySetting:
    def test_processes_beside_an_engine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch)
        assert engine.choose(tmp_path) == CONTAINERS
        assert engine.choose(tmp_path, "processes") == PROCESSES

    def test_containers_where_there_is_no_engine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert refused(tmp_path, "containers") == (
            "SITE_RUNS_AS=containers, and there is no docker command; start the engine (`make engine`)"
        )

    def test_it_does_not_begin_a_second_site(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch)
        engine.record(tmp_path, CONTAINERS)
        assert engine.choose(tmp_path, "containers") == CONTAINERS
        assert refused(tmp_path, "processes") == (
            "SITE_RUNS_AS=processes: this site has run as containers so far; write containers, or run `make down` with "
            f"that and remove {tmp_path}/.site/engine to begin an empty site"
        )


def test_a_recorded_engine_that_is_closed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_engine(tmp_path, monkeypatch, version=says(CLOSED))
    engine.record(tmp_path, CONTAINERS)
    assert refused(tmp_path) == (
        f"this site runs in containers, and this user may not use the Docker socket; {JOIN}, "
        f"or remove {tmp_path}/.site/engine to begin an empty site of processes"
    )


@pytest.mark.parametrize(
    ("setting", "reason", "status"),
    [("auto", NONE, NOTE), ("auto", SSH, FAIL), ("processes", SSH, NOTE), ("containers", NONE, FAIL)],
)
def test_doctor_fails_where_up_would_stop(
    setting: str, reason: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_engine(tmp_path, monkeypatch, version=says(reason))
    site = load(tmp_path, f"SITE_RUNS_AS={setting}\n")
    assert [each.status for each in doctor.engine(site.settings, ThisMachine(tmp_path))] == [status]
    monkeypatch.setattr(processes, "prepare", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SiteError if status == FAIL else KeyboardInterrupt):
        up.up(site)


def test_a_site_that_once_began_as_processes_is_told_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, version="echo 26.1.5", compose="echo 2.26.1")
    settings = load(tmp_path, "").settings
    assert engine.description(tmp_path, PROCESSES, "auto") == "processes, because this machine has no Docker engine"
    engine.record(tmp_path, PROCESSES)
    assert engine.description(tmp_path, PROCESSES, "auto") == "processes, as at its first start"
    assert engine.description(tmp_path, PROCESSES, "processes") == "processes, because SITE_RUNS_AS says so"
    assert [each.line() for each in doctor.engine(settings, ThisMachine(tmp_path))][2:] == [
        "note this site runs as processes, as at its first start, although this engine answers; "
        "`make down`, remove .site/engine, and `make up` begin an empty site in containers"
    ]
