"""A laboratory for the parent flow: real workers and deployments, whose children do as their parameters say.

The children stand in for containers and jobs, and for nothing of the parent's: they are deployments of the names that
the parent knows, run by a process worker of their own.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import yaml

from tests.server.conftest import ROOT, Folder

WAIT_SECONDS = 300
STEP_FLOWS = """
import json
import os
import signal
import time
from pathlib import Path

from prefect import flow, runtime


def act(sent, prev_flow_run_id):
    params, home = sent["params"], Path(os.environ["LABORATORY"])
    given = {"run": str(runtime.flow_run.id), "prev": prev_flow_run_id, "attempt": runtime.flow_run.run_count}
    with (home / params["says"]).open("a") as record:
        record.write(json.dumps(given) + "\\n")
    while not all((home / name).exists() for name in params.get("waits_for", [])):
        time.sleep(0.1)
    if "dies" in params and runtime.flow_run.run_count <= params["dies"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if "fails" in params and not (home / params["fails"]).exists():
        raise RuntimeError("the data is not there")


@flow(name="Docker flow")
def launch_docker(docker_params: dict, prev_flow_run_id: str = ""):
    act(docker_params, prev_flow_run_id)


@flow(name="Conda flow")
def launch_conda(conda_params: dict, prev_flow_run_id: str = ""):
    act(conda_params, prev_flow_run_id)


@flow(name="Slurm flow")
def launch_slurm(slurm_params: dict, prev_flow_run_id: str = ""):
    act(slurm_params, prev_flow_run_id)
"""
CATALOGUE = {
    "algorithms": {
        "pca": {"image_name": "pca", "image_tag": "1", "conda_env": "pca", "tasks": {"train": "a.py", "apply": "b.py"}}
    }
}
CHILDREN = {"launch_docker": "docker", "launch_conda": "conda", "launch_slurm": "slurm"}


@dataclass(frozen=True)
class Laboratory:
    """The folder of one laboratory, in which the children record what they got."""

    folder: Folder
    workers: dict[str, Popen[bytes]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder.path

    def make(self) -> None:
        """Pools and deployments, the parent's from where its users have it."""
        self.folder.write("flows/steps.py", STEP_FLOWS)
        self.folder.write("catalogue.yml", CATALOGUE)
        self.configure()
        self.folder.write("pool.json", self.folder.pool_template())
        pools = [{"name": name, "type": "process", "base_job_template": "pool.json"} for name in ("parents", "steps")]
        registration = {"owner": "laboratory", "pools": pools, "deployments": ["parent.yaml", "steps.yaml"]}
        self.folder.write("registration.yaml", registration)
        self.folder.write("parent.yaml", _deployments(ROOT / "client", [_parent()]))
        self.folder.write("steps.yaml", _deployments(self.path, [_child(name) for name in CHILDREN]))
        (self.path / "launchers").symlink_to(ROOT / "client" / "launchers")
        self.folder.states()

    def configure(self, **more: Any) -> None:
        """Writes config.yml."""
        self.folder.write("config.yml", {"hpc_type": "als", "crash_grace_seconds": 3, **more})

    @contextmanager
    def worker(self, pool: str, name: str) -> Iterator[None]:
        """The process worker of agent/ on one of the pools, kept as `workers[name]`."""
        started = self.folder.worker(
            pool,
            f"{name}.log",
            SITE_JOB_CONFIG=str(self.path / "config.yml"),
            SITE_CATALOGUE=str(self.path / "catalogue.yml"),
            LABORATORY=str(self.path),
        )
        with started as self.workers[name]:
            yield

    def start(self, *steps: dict[str, Any]) -> Run:
        """A run of the parent flow."""
        return start(self.folder, "launch_parent_flow", params_list=list(steps))

    def said(self, name: str) -> list[dict[str, Any]]:
        """What each run of a step got."""
        record = self.path / name
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


@dataclass(frozen=True)
class Run:
    """A flow run, as the server has it."""

    folder: Folder
    id: str

    def read(self) -> dict[str, Any]:
        return dict(self._api.get(f"/flow_runs/{self.id}").raise_for_status().json())

    @property
    def state(self) -> str:
        return str(self.read()["state"]["name"])

    @property
    def message(self) -> str:
        return str(self.read()["state"]["message"])

    def ends(self) -> str:
        """The name of its last state."""
        self.until(lambda: self.read()["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"))
        return self.state

    def becomes(self, state: str) -> None:
        """Returns when the run is in the state of this name."""
        self.until(lambda: self.state == state)

    def set_state(self, kind: str, name: str | None = None) -> None:
        """What a user or an automation does."""
        body = {"state": {"type": kind, "name": name}}
        answer = self._api.post(f"/flow_runs/{self.id}/set_state", json=body).raise_for_status().json()
        assert answer["status"] == "ACCEPT", answer

    def children(self) -> dict[str, Run]:
        """Its children in the order in which they were made, by what follows the parent's name in theirs."""
        found = self.folder.server.all("flow_runs", flow_runs={"parent_flow_run_id": {"any_": [self.id]}})
        found.sort(key=lambda run: str(run["created"]))  # the server has an order of its own
        return {run["name"].removeprefix(f"{self.read()['name']}-"): Run(self.folder, run["id"]) for run in found}

    def child(self, name: str) -> Run:
        """One of its children, once it is there."""
        self.until(lambda: name in self.children())
        return self.children()[name]

    def log(self) -> list[str]:
        wanted = {"logs": {"flow_run_id": {"any_": [self.id]}}, "sort": "TIMESTAMP_ASC"}
        return [entry["message"] for entry in self._api.post("/logs/filter", json=wanted).raise_for_status().json()]

    def until(self, condition: Callable[[], bool]) -> None:
        """Returns once the condition holds; fails with the run's log where it does not come to hold."""
        ends = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < ends, (self.read()["state"], self.log())
            time.sleep(0.3)

    @property
    def _api(self) -> Any:
        return self.folder.server.api


def start(folder: Folder, name: str, **parameters: Any) -> Run:
    """A run of the deployment, due now."""
    deployment = folder.server.named("deployments", name)
    assert deployment
    # A server that is late answers with 503, and is asked again.
    once = {"idempotency_key": secrets.token_hex(8)}
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, **once}
    answer = folder.server.api.post(f"/deployments/{deployment['id']}/create_flow_run", json=body)
    return Run(folder, str(answer.raise_for_status().json()["id"]))


def _deployments(directory: Path, entries: list[dict[str, Any]]) -> str:
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(directory)}}
    return yaml.safe_dump({"pull": [step], "deployments": entries})


def _parent() -> dict[str, Any]:
    entrypoint = "launchers/parent/parent_flow.py:launch_parent_flow"
    return {"name": "launch_parent_flow", "entrypoint": entrypoint, "work_pool": {"name": "parents"}}


def _child(name: str) -> dict[str, Any]:
    pool = {"name": "steps", "job_variables": {"command": f"{sys.executable} -m prefect.engine"}}
    return {"name": name, "entrypoint": f"flows/steps.py:{name}", "work_pool": pool}
