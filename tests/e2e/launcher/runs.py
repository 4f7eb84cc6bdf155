"""Flow runs of `launch_docker` from a real Prefect server, each carried out by a process as a worker starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.launcher.attempts import Site
from tests.e2e.launcher.places import CLIENT, wait_until
from tests.server.conftest import Server

ENTRYPOINT = "launchers/containers/docker_flows.py:launch_docker"


@dataclass
class Runs:
    """The flow runs of one site."""

    server: Server
    site: Site
    pool: str | None = None
    more: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """What a worker gives a flow run: the server, the site, the flows on the path, and `more`."""
        own = {"PYTHONPATH": str(CLIENT), "PREFECT_WORKER_QUERY_SECONDS": "1"}
        return {**self.server.environment, **self.site.environ, **own, **self.more}

    def create(self, *command: str, prev_flow_run_id: str = "", **more: Any) -> str:
        """A flow run that is due; its id."""
        parameters = {"docker_params": self.site.params(*command, **more), "prev_flow_run_id": prev_flow_run_id}
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self._post(f"/deployments/{self._deployment()}/create_flow_run", body)["id"])

    def start(self, flow_run_id: str) -> subprocess.Popen[bytes]:
        """A process that carries out the flow run."""
        return self.process("-m", "prefect.engine", flow_run_id)

    def process(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python process in the environment of the site's flow runs; ended with the test."""
        with (self.site.work.parent / "processes.log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, *arguments], env=self.environ, cwd=CLIENT, stdout=log, stderr=log
            )
        self.processes.append(started)
        return started

    def carry_out(self, flow_run_id: str) -> dict[str, Any]:
        """The flow run's state at its end."""
        self.start(flow_run_id).wait()
        return self.state(flow_run_id)

    def state(self, flow_run_id: str) -> dict[str, Any]:
        """The flow run's state: `type`, `name`, `message`."""
        return dict(self.flow_run(flow_run_id)["state"])

    def flow_run(self, flow_run_id: str) -> dict[str, Any]:
        return dict(self.server.api.get(f"/flow_runs/{flow_run_id}").raise_for_status().json())

    def set_state(self, flow_run_id: str, kind: str, name: str) -> None:
        """What an automation does to a run whose process has died."""
        self._post(f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": kind, "name": name}, "force": True})

    def logged(self, flow_run_id: str) -> list[tuple[int, str]]:
        """The run's log: level and message."""
        wanted = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}, "sort": "TIMESTAMP_ASC"}
        return [(log["level"], log["message"]) for log in self._post("/logs/filter", wanted)]

    def wait_for_container(self, flow_run_id: str, attempt: int = 1) -> str:
        """The name of the attempt's container, once it is there and runs."""
        name = f"{self.site.name}-{flow_run_id}-{attempt}"
        wait_until(lambda: self.running(name))
        return name

    def running(self, name: str) -> bool:
        return self.site.place.run("inspect", "--format={{.State.Running}}", name, check=False) == "true"

    def kill_flow(self, flow_run_id: str) -> None:
        """SIGKILL to the process that a worker started for the flow run."""
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # processes come and go
                command = (environ.parent / "cmdline").read_bytes()
                ours = f"PREFECT__FLOW_RUN_ID={flow_run_id}".encode() in environ.read_bytes().split(b"\0")
                if ours and b"prefect" in command:
                    os.kill(int(environ.parent.name), signal.SIGKILL)

    def end(self) -> None:
        """Kills what still runs of the processes."""
        for process in self.processes:
            process.kill()
            process.wait()

    def _deployment(self) -> str:
        flow = self._post("/flows/", {"name": "Docker flow"})["id"]
        directory = {"prefect.deployments.steps.set_working_directory": {"directory": str(CLIENT)}}
        body = {
            "name": self.site.name,
            "flow_id": flow,
            "entrypoint": ENTRYPOINT,
            "pull_steps": [directory],
            "work_pool_name": self.pool,
        }
        return str(self._post("/deployments/", body)["id"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self.server.api.post(path, json=body).raise_for_status().json()
