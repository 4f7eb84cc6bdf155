"""The command of flow containers against a real server: what becomes of runs, beside Prefect's own command."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.server.conftest import ROOT, Folder, Server

OURS, PREFECTS = ["run_flow"], ["prefect", "flow-run", "execute"]
SIGTERM_BEHAVIOR = "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"
FLOWS = """
import json, os, sys, time
from pathlib import Path

from prefect import flow


def note(flow, flow_run, state):
    Path(os.environ["NOTES"]).write_text(state.name)


@flow(on_cancellation=[note], on_crashed=[note])
def enduring():
    Path(os.environ["NOTES"]).write_text(str(os.getpid()))
    time.sleep(600)


@flow
def facts():
    seen = {"directory": os.getcwd(), "path": sys.path, "environment": dict(os.environ), "arguments": sys.orig_argv}
    Path(os.environ["NOTES"]).write_text(json.dumps(seen))


@flow
def failing():
    raise ValueError("the model is not there")
"""
STEPS = """
import os, sys

def path(entry):
    sys.path.append(entry)

def variable():
    os.environ["FROM_A_STEP"] = "1"
"""
THREAD = "import threading, time; threading.Thread(target=time.sleep, args=[600], daemon=True).start()"


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("run_flow"), server)
    folder.write("code/flows.py", FLOWS)
    folder.write("modules/site_steps.py", STEPS)
    folder.write("threads/sitecustomize.py", THREAD)
    directory = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder.path / "code")}}
    path = {"site_steps.path": {"entry": "/opt/of/a/step"}}
    deploy(server, "enduring", directory)
    deploy(server, "failing", directory)
    deploy(server, "facts", directory, path)
    deploy(server, "facts-variable", directory, {"site_steps.variable": {}})
    return folder


def deploy(server: Server, name: str, *steps: dict[str, Any]) -> None:
    flow = name.partition("-")[0]
    identity = server.api.post("/flows/", json={"name": flow}).raise_for_status().json()["id"]
    body = {"name": name, "flow_id": identity, "entrypoint": f"flows.py:{flow}", "pull_steps": list(steps)}
    server.api.post("/deployments/", json=body).raise_for_status()


class Attempt:
    """A process that runs a new run of a deployment; `notes` is a file for its flow."""

    def __init__(self, site: Folder, deployment: str, command: list[str], **environment: str) -> None:
        self.server = site.server
        self.id = create(site.server, deployment)
        self.notes, self.log = site.path / f"{self.id}.notes", site.path / f"{self.id}.log"
        path = os.pathsep.join([str(site.path / "modules"), str(ROOT / "images" / "prefect")])
        more = {"PREFECT__FLOW_RUN_ID": self.id, "NOTES": str(self.notes), "PYTHONPATH": path, "DO_NOT_TRACK": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=site.path,
                env=site.server.environment | more | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> int:
        return self.process.wait(300)

    def state(self) -> dict[str, Any]:
        return dict(self.server.api.get(f"/flow_runs/{self.id}").raise_for_status().json()["state"])

    def states(self) -> list[str]:
        listed = self.server.api.get("/flow_run_states/", params={"flow_run_id": self.id}).raise_for_status().json()
        return [state["name"] for state in sorted(listed, key=lambda state: state["timestamp"])]

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 300
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def set_state(self, kind: str) -> None:
        body = {"state": {"type": kind}, "force": True}
        self.server.api.post(f"/flow_runs/{self.id}/set_state", json=body).raise_for_status()


def create(server: Server, deployment: str) -> str:
    found = server.named("deployments", deployment)
    assert found
    answer = server.api.post(f"/deployments/{found['id']}/create_flow_run", json={"state": {"type": "PENDING"}})
    return str(answer.raise_for_status().json()["id"])


@contextmanager
def enduring(site: Folder, **environment: str) -> Iterator[Attempt]:
    """A run that is in the middle of its flow."""
    attempt = Attempt(site, "enduring", OURS, **environment)
    try:
        attempt.until(lambda: attempt.notes.exists() and attempt.notes.read_text())
        yield attempt
    finally:
        attempt.process.kill()
        attempt.process.wait()


def test_a_run_sees_what_it_sees_under_prefects_own_command(site: Folder) -> None:
    ours, theirs = (facts(site, "facts", command) for command in (OURS, PREFECTS))
    assert ours["directory"] == theirs["directory"] == str(site.path / "code")
    assert list(dict.fromkeys(ours["path"])) == list(dict.fromkeys(theirs["path"]))  # Prefect has some twice
    assert "/opt/of/a/step" in ours["path"]
    assert ours["environment"] == theirs["environment"]
    assert ours["arguments"][1:] == ["-m", "run_flow"]


def test_a_pull_step_that_sets_a_variable_gets_a_new_interpreter(site: Folder) -> None:
    ours, theirs = (facts(site, "facts-variable", command) for command in (OURS, PREFECTS))
    assert ours == theirs
    assert ours["environment"]["FROM_A_STEP"] == "1"


def test_beside_a_thread_of_somebody_elses_nothing_is_forked(site: Folder) -> None:
    path = os.pathsep.join(str(folder) for folder in (site.path / "modules", site.path / "threads"))
    ours = facts(site, "facts", OURS, PYTHONPATH=os.pathsep.join([path, str(ROOT / "images" / "prefect")]))
    assert ours["arguments"][1:] == ["-m", "prefect.engine"]


def test_a_failing_flow_is_failed_and_its_container_is_not(site: Folder) -> None:
    attempt = Attempt(site, "failing", OURS)
    assert attempt.end() == 0, attempt.log.read_text()
    assert attempt.states() == ["Pending", "Running", "Failed"]
    assert "the model is not there" in attempt.state()["message"]


def test_a_cancelled_run_runs_its_hook_and_ends_cancelled(site: Folder) -> None:
    with enduring(site, PREFECT_FLOWS_HEARTBEAT_FREQUENCY="30") as attempt:
        attempt.until(lambda: heartbeats(attempt))
        attempt.set_state("CANCELLING")
        assert attempt.end() == 0, attempt.log.read_text()
    assert attempt.states() == ["Pending", "Running", "Cancelling", "Cancelled"]
    assert attempt.notes.read_text() == "Cancelling"


def test_a_run_that_was_cancelled_before_its_start_does_not_start(site: Folder) -> None:
    with enduring(site) as first:
        second = Attempt(site, "enduring", OURS, PREFECT__FLOW_RUN_ID=first.id)
        first.set_state("CANCELLING")
        assert second.end() == 0, second.log.read_text()
    assert not second.notes.exists()


def test_at_a_sigterm_a_run_reports_that_it_crashed(site: Folder) -> None:
    with enduring(site) as attempt:
        attempt.process.send_signal(signal.SIGTERM)
        assert attempt.end() == 0, attempt.log.read_text()
    assert attempt.states() == ["Pending", "Running", "Crashed"]
    assert attempt.state()["message"] == "Execution was aborted by a termination signal."
    assert attempt.notes.read_text() == "Crashed"


def test_at_a_sigterm_a_run_is_rescheduled_where_that_is_asked_for(site: Folder) -> None:
    with enduring(site, **{SIGTERM_BEHAVIOR: "reschedule"}) as attempt:
        attempt.process.send_signal(signal.SIGTERM)
        assert attempt.end() == 0, attempt.log.read_text()
    assert attempt.states() == ["Pending", "Running", "AwaitingRetry"]
    assert attempt.notes.read_text().isdecimal()  # no hook


def test_a_killed_run_is_reported_by_the_process_that_watches_it(site: Folder) -> None:
    with enduring(site) as attempt:
        os.kill(int(attempt.notes.read_text()), signal.SIGKILL)
        assert attempt.end() == 0, attempt.log.read_text()
    assert attempt.states() == ["Pending", "Running", "Crashed"]
    assert "Process exited with status code: -9" in attempt.state()["message"]
    assert attempt.notes.read_text() == "Crashed"


def facts(site: Folder, deployment: str, command: list[str], **environment: str) -> dict[str, Any]:
    """What a run sees of its interpreter; what differs from run to run is blanked."""
    attempt = Attempt(site, deployment, command, **environment)
    assert attempt.end() == 0, attempt.log.read_text()
    assert attempt.states()[-1] == "Completed"
    blanked = attempt.notes.read_text().replace(attempt.id, "RUN")
    return dict(json.loads(blanked))


def heartbeats(attempt: Attempt) -> list[Any]:
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "any_resource": {"id": [f"prefect.flow-run.{attempt.id}"]},
    }
    found = attempt.server.api.post("/events/filter", json={"filter": wanted}).raise_for_status().json()
    return list(found["events"])
