"""What can be killed of a site, on each of its engines, with SIGKILL and by process: Docker starts again what dies so,
and leaves alone what `docker kill` ended."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from stack import dockerworkers, envfile, nested
from stack.components import AGENT, WORKER_DIND, WORKER_DOCKER, WORKER_PODMAN, Component
from stack.dockerworkers import DockerWorkers
from stack.settings import load
from tests.sites import SiteUnderTest, docker

FLOW_RUN = "io.prefect.flow-run-id"


@dataclass(frozen=True)
class Pool:
    """A work pool under test: its component, its name, and how many runs it is given."""

    component: Component
    name: str
    runs: int

    @property
    def deployment(self) -> str:
        return f"endure_{self.name}"


POOLS = (
    Pool(AGENT, "agent_pool", 20),
    Pool(WORKER_DOCKER, "docker_pool", 20),
    Pool(WORKER_DIND, "dind_pool", 6),
    Pool(WORKER_PODMAN, "podman_pool", 6),
)


@dataclass(frozen=True)
class Victims:
    """The processes of one pool."""

    site: SiteUnderTest
    pool: Pool

    @property
    def workers(self) -> DockerWorkers | None:
        """The description of the pool's engine; None for processes."""
        return dockerworkers.every(load(envfile.read(self.site.root / ".env"))).get(self.pool.component.name)

    @property
    def has_own_engine(self) -> bool:
        return bool(self.workers and self.workers.nested)

    @property
    def is_proxied(self) -> bool:
        return bool(self.workers and self.workers.proxied)

    @contextmanager
    def silent_engine(self) -> Iterator[None]:
        """The engine gives the workers no answer for the block: their proxy stands still."""
        proxies = [one["Id"] for one in self.service("socket-proxy")]
        docker("pause", *proxies)
        try:
            yield
        finally:
            docker("unpause", *proxies)

    def kill_run(self, run: str) -> None:
        """The container of a run, or its process."""
        if self.workers is None:
            kill(*self.processes_of(run))
        else:
            self.engine("kill", "--signal", "KILL", *(one["Id"] for one in self.containers() if of(one) == run))

    def kill_workers(self) -> None:
        """The workers, and the containers that they have running."""
        containers = [] if self.workers is None else [one for one in self.containers() if one["State"]["Running"]]
        kill(*(int(one["State"]["Pid"]) for one in self.service("worker")))
        if containers:
            self.engine("kill", "--signal", "KILL", *(one["Id"] for one in containers))

    def kill_engine(self) -> None:
        """The container in which the pool's own engine is, with all that runs there."""
        assert self.workers
        kill(*(int(one["State"]["Pid"]) for one in self.service(self.workers.nested)))

    def containers(self) -> list[dict[str, Any]]:
        """`docker inspect` of the pool's flow containers, ended ones included."""
        wanted = (f"--filter=label=site={self.site.name}", f"--filter=label={FLOW_RUN}")
        ids = self.engine("ps", "--all", "--quiet", *wanted).split()
        return list(json.loads(self.engine("inspect", *ids))) if ids else []

    def engine(self, *words: str) -> str:
        """What the engine of the pool's flow containers answers."""
        if self.workers and self.workers.nested:
            return nested.ask(self.site.root, self.workers, *words).stdout
        return docker(*words)

    def service(self, name: str) -> list[dict[str, Any]]:
        """`docker inspect` of the running containers of a service of the pool's component."""
        project = self.pool.component.project(self.site.name)
        labels = (f"com.docker.compose.project={project}", f"com.docker.compose.service={name}")
        ids = docker("ps", "--quiet", *(f"--filter=label={label}" for label in labels)).split()
        return list(json.loads(docker("inspect", *ids))) if ids else []

    def processes_of(self, run: str) -> Iterator[int]:
        """The processes that carry out a run, as this machine numbers them."""
        for worker in self.service("worker"):
            for line in docker("top", worker["Id"], "-o", "pid").splitlines()[1:]:
                if f"PREFECT__FLOW_RUN_ID={run}" in environment(int(line)):
                    yield int(line)


def of(container: dict[str, Any]) -> str:
    """The run of a flow container."""
    return str(container["Config"]["Labels"][FLOW_RUN])


def environment(process: int) -> list[str]:
    try:
        with open(f"/proc/{process}/environ", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read().split("\0")
    except OSError:  # it has ended
        return []


def kill(*processes: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
