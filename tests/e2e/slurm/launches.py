"""Runs of `launch_slurm` on the one node: by a worker of this machine through SSH, and by one on the node itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from tests.e2e.second_engine import checked
from tests.e2e.slurm.one_node import USER, OneNode
from tests.server.conftest import ROOT, Folder
from tests.server.laboratory import Run, start

HOME = f"/home/{USER}"
SITE = "/opt/site"  # on the node
# Pool and deployment of each kind -> where its workers have the flows.
DIRECTORIES = {"through_ssh": str(ROOT / "client"), "on_the_node": SITE}
# A process for each run, in place of two; it cannot be cancelled then.
COMMANDS = {"on_the_node": {"command": "python -m prefect.engine"}}
# What every script begins with: `wait_for` returns once a test has made the file.
SCRIPT = f"""\
import os, sys, time

print("begun", flush=True)

def wait_for(name):
    while not os.path.exists("{HOME}/" + name):
        time.sleep(0.1)

"""
# Nothing but the worker and its flows has the server's URL in its environment: no job does.
KILL = "for one in /proc/[0-9]*; do if grep -qz ^PREFECT_API_URL= $one/environ; then kill -9 ${one#/proc/}; fi; done"


@dataclass(frozen=True)
class Launches:
    """`folder` holds the registration of a pool and a deployment for each kind of worker."""

    folder: Folder
    node: OneNode

    def make(self) -> None:
        """Pools, deployments, and what the worker on the node needs there."""
        self.folder.write("pool.json", self.folder.pool_template())
        pools = [{"name": name, "type": "process", "base_job_template": "pool.json"} for name in DIRECTORIES]
        files = [f"{name}.yaml" for name in DIRECTORIES]
        self.folder.write("registration.yaml", {"owner": "slurm", "pools": pools, "deployments": files})
        for name, directory in DIRECTORIES.items():
            self.folder.write(f"{name}.yaml", _deployment(name, directory))
        (self.folder.path / "launchers").symlink_to(ROOT / "client" / "launchers")
        self.folder.states()
        self.node.run(f"mkdir -p {SITE} {HOME}/code && chmod 755 {HOME}", user="root")
        for source in (
            ROOT / "client" / "launchers",
            ROOT / "agent" / "process_worker.py",
            self.folder.path / "pool.json",
        ):
            checked("docker", "cp", str(source), f"{self.node.container}:{SITE}")
        self.node.run(f"chmod -R a+rX {SITE} && chown {USER} {HOME}/code", user="root")

    @contextmanager
    def worker_here(self) -> Iterator[None]:
        """A worker that knows the node's host key, as the worker's user does elsewhere."""
        with self.folder.worker("through_ssh", "worker.log", SITE_SSH_KNOWN_HOSTS=str(self.node.known_hosts)):
            yield

    def start_worker_on_node(self) -> None:
        """It ends with the node, or when it is killed."""
        url = self.folder.server.url
        env = {"PREFECT_API_URL": url, "PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONPATH": SITE}
        command = ["python", f"{SITE}/process_worker.py", "--pool=on_the_node", "--limit=99"]
        command.append(f"--base-job-template={SITE}/pool.json")
        options = [f"--user={USER}", *(f"--env={name}={value}" for name, value in env.items())]
        checked("docker", "exec", "--detach", *options, self.node.container, *command)

    def kill_worker_on_node(self) -> None:
        """SIGKILL to it and to all its flows, as when a login node restarts; jobs go on."""
        self.node.run(KILL, user="root")

    def start(self, name: str, script: str, deployment: str = "through_ssh", **params: Any) -> Run:
        """A run whose job runs this Python script."""
        self.node.run(f"printf %s {shlex.quote(SCRIPT + script)} > {HOME}/code/{name}.py")
        asked = {"job_name": name, "python_file_name": f"{HOME}/code/{name}.py", "poll_seconds": 0.5, **params}
        if deployment == "through_ssh":
            asked = {"submission_host": self.node.host, "submission_ssh_key": str(self.node.key), **asked}
        return start(self.folder, deployment, slurm_params=asked, prev_flow_run_id="before")

    def allow(self, name: str) -> None:
        """Lets a script go on that waits for this file."""
        self.node.run(f"touch {HOME}/{name}")


def _deployment(name: str, directory: str) -> str:
    step = {"prefect.deployments.steps.set_working_directory": {"directory": directory}}
    entrypoint = "launchers/slurm_jobs/slurm_flows.py:launch_slurm"
    pool = {"name": name, "job_variables": COMMANDS.get(name, {})}
    entry = {"name": name, "entrypoint": entrypoint, "work_pool": pool}
    return yaml.safe_dump({"pull": [step], "deployments": [entry]})
