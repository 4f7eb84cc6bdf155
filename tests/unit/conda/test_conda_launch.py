"""A script in an environment of the stand-in: what it gets, what becomes of its output, how its end is reported."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from launchers.conda_envs.launch import Launch, script_environ, work_dir
from launchers.conda_envs.manager import Manager
from launchers.conda_envs.process import MARK, end_processes_of
from launchers.conda_envs.schema import CondaParams
from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity

from tests.conda_stand_in import make_root

RUN = RunIdentity(str(uuid.uuid4()), 1)  # what is of a run is ended on the whole machine


@dataclass
class Laboratory:
    """A stand-in with the environment `lab`, a work directory, and a log that is kept."""

    manager: Manager
    folder: Path
    log: logging.Logger
    caplog: pytest.LogCaptureFixture

    def launch(self, script: str, run: RunIdentity = RUN, **more: Any) -> str:
        """The error of a launch of this script; empty where it succeeded."""
        (self.folder / "script.py").write_text(script)
        given = {"conda_env_name": "lab", "python_file_name": str(self.folder / "script.py"), **more}
        try:
            Launch(self.manager, run, CondaParams.model_validate(given), self.log).carry_out("before")
        except LaunchError as error:
            return str(error)
        return ""

    @property
    def logged(self) -> list[tuple[int, str]]:
        """Level and text of the records after the launch's own first one."""
        return [(record.levelno, record.getMessage()) for record in self.caplog.records][1:]


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Manager:
    return Manager(str(make_root(tmp_path_factory.mktemp("conda") / "root", "lab")))


@pytest.fixture
def laboratory(
    stand_in: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Laboratory]:
    monkeypatch.setenv("SITE_WORK_DIR", str(tmp_path / "work"))
    caplog.set_level(logging.INFO)
    yield Laboratory(stand_in, tmp_path, logging.getLogger("conda-launch"), caplog)
    assert list((tmp_path / "work").glob("*")) == []


def test_a_script_runs_in_its_environment_with_its_parameters(laboratory: Laboratory) -> None:
    script = "import sys; print(sys.prefix); print(open(sys.argv[1]).read())"
    assert laboratory.launch(script, params={"components": 3, "io_parameters": {"data": "/d"}}) == ""
    prefix, *content = [text for _, text in laboratory.logged]
    assert prefix == laboratory.manager.prefix("lab")
    assert yaml.safe_load("\n".join(content)) == {
        "components": 3,
        "io_parameters": {"data": "/d", "uid_retrieve": "before", "uid_save": RUN.flow_run_id},
    }


def test_output_is_logged_as_it_comes_and_errors_are_warnings(laboratory: Laboratory) -> None:
    script = (
        "import sys, time, pathlib\nprint('begun')\nprint('oh', file=sys.stderr)\n"
        f"while not pathlib.Path({str(laboratory.folder / 'seen')!r}).exists(): time.sleep(0.05)"
    )
    handler = logging.Handler()
    handler.emit = lambda record: (laboratory.folder / "seen").touch() if record.getMessage() == "oh" else None  # type: ignore[method-assign]
    laboratory.log.addHandler(handler)
    try:
        assert laboratory.launch(script) == ""
    finally:
        laboratory.log.removeHandler(handler)
    assert sorted(laboratory.logged) == [(logging.INFO, "begun"), (logging.WARNING, "oh")]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("import sys; print('why'); sys.exit(3)", "ended with exit code 3; its last lines:\nwhy"),
        ("import os; os.kill(os.getpid(), 9)", "ended with exit code 137 (SIGKILL)"),
        ("import sys; sys.exit(139)", "ended with exit code 139 (SIGSEGV)"),
        ("import sys; sys.exit(255)", "ended with exit code 255"),
    ],
)
def test_the_end_of_a_script_is_reported(laboratory: Laboratory, script: str, expected: str) -> None:
    assert laboratory.launch(script) == f"{laboratory.folder}/script.py in the environment lab {expected}"


def test_a_script_that_runs_too_long_is_stopped(laboratory: Laboratory) -> None:
    assert laboratory.launch("import time; print('a'); time.sleep(600)", timeout=10) == (
        f"{laboratory.folder}/script.py ran longer than its timeout of 10 s and was stopped; its last lines:\na"
    )


def test_a_script_that_is_not_there_is_reported(laboratory: Laboratory) -> None:
    assert laboratory.launch("", python_file_name="/nowhere/a.py") == (
        "there is no script /nowhere/a.py on this worker: correct code_dir, or the catalogue"
    )


def test_a_script_without_a_folder_is_one_of_the_workers_algorithms(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_ALGORITHMS", str(laboratory.folder))
    assert laboratory.launch("print('found')", python_file_name="script.py") == ""
    assert laboratory.logged == [(logging.INFO, "found")]


def test_an_environment_that_is_not_there_is_reported(laboratory: Laboratory) -> None:
    assert laboratory.launch("", conda_env_name="lap") == (
        "there is no conda environment 'lap'; did you mean 'lab'? (known: base, lab), says "
        f"{laboratory.manager.path}: make it, or correct conda_env_name"
    )


def test_the_workers_login_is_not_the_scripts(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:secret")
    monkeypatch.setenv("PYTHONPATH", "/srv/site")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert laboratory.launch("import os\nfor name in os.environ: print(name)") == ""
    names = {name for _, text in laboratory.logged for name in text.splitlines()}  # a line, or those that came at once
    assert {"CUDA_VISIBLE_DEVICES", "PATH", MARK} <= names
    assert not [name for name in names if name.startswith(("PREFECT_", "PYTHONPATH"))]
    assert script_environ({}) == {"PYTHONUNBUFFERED": "1"}


def test_what_a_killed_attempt_left_running_is_ended_by_the_next(laboratory: Laboratory) -> None:
    """An earlier attempt's script, whose flow was killed with SIGKILL."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={MARK: RUN.flow_run_id})
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={MARK: "another run"})
    try:
        assert laboratory.launch("", run=RunIdentity(RUN.flow_run_id, 2)) == ""
        assert left.wait() == -signal.SIGKILL
        assert other.poll() is None
    finally:
        end_processes_of("another run")
        other.wait()


def test_a_launch_that_is_broken_off_ends_all_that_it_started(laboratory: Laboratory) -> None:
    """SIGTERM to the flow, as a worker sends it: the script may save what it has, and its child ends with it."""
    script = laboratory.folder / "lasting.py"
    script.write_text(
        "import os, signal, subprocess, sys, time\n"
        f"def save(*_):\n    open({str(laboratory.folder / 'saved')!r}, 'w').close()\n    sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('child', child.pid)\ntime.sleep(600)\n"
    )
    flow = (
        "import logging, signal, sys\nlogging.basicConfig(level=20, stream=sys.stdout)\n"
        "def end(*_): raise SystemExit(5)\nsignal.signal(signal.SIGTERM, end)\n"
        "from launchers.conda_envs.launch import Launch, Manager, CondaParams, RunIdentity\n"
        f"params = CondaParams(conda_env_name='lab', python_file_name={str(script)!r})\n"
        f"run = RunIdentity({RUN.flow_run_id!r}, 1)\n"
        f"Launch(Manager({laboratory.manager.path!r}), run, params, logging.getLogger()).carry_out('')\n"
    )
    client = Path(__file__).parents[3] / "client"
    with subprocess.Popen(
        [sys.executable, "-c", flow], env=os.environ | {"PYTHONPATH": str(client)}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        child = next(int(found[1]) for line in process.stdout if (found := re.search(r"child (\d+)", line)))
        process.terminate()
        process.communicate()
    assert process.returncode == 5
    assert (laboratory.folder / "saved").exists()
    assert gone(child)


def gone(pid: int) -> bool:
    """Whether the process ends; a zombie has."""
    for _ in range(100):
        with suppress(OSError):
            if re.search(r"^State:\s+[^ZX]", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE):
                time.sleep(0.1)
                continue
        return True
    return False


def test_without_a_setting_parameters_files_are_in_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SITE_WORK_DIR", raising=False)
    assert work_dir() == str(Path.home() / "prefect-site")
