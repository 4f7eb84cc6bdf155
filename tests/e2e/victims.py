"""What can be killed of a site with SIGKILL, by process: Docker starts again what dies so, and not what `docker kill`
ended."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.e2e.engine_kinds import AGENT, FLOW_RUN, Kind
from tests.sites import SiteUnderTest, docker


def kill_run(site: SiteUnderTest, kind: Kind, run: str) -> None:
    """The container of a run, or its processes."""
    if kind == AGENT:
        kill(processes_of(site, run))
    else:
        kill_containers(site, kind, f"{FLOW_RUN}={run}")


def kill_worker(site: SiteUnderTest, kind: Kind) -> None:
    """The worker, and the containers that it has running."""
    kill_service(site, kind, "worker")
    if kind != AGENT:
        kill_containers(site, kind)


def kill_containers(site: SiteUnderTest, kind: Kind, *labels: str) -> None:
    """Those that run of the pool's flow containers; one that ends meanwhile has been quicker."""
    if found := kind.containers(site, *labels, every=False):
        kind.ask(site, "kill", "--signal", "KILL", *found, check=False)


def kill_service(site: SiteUnderTest, kind: Kind, service: str) -> None:
    """The first process of its container, and with it all others there."""
    kill(int(docker("inspect", "--format", "{{.State.Pid}}", one)) for one in service_ids(site, kind, service))


def service_ids(site: SiteUnderTest, kind: Kind, service: str) -> list[str]:
    return kind.compose(site, "ps", "--quiet", service).split()


def processes_of(site: SiteUnderTest, run: str) -> Iterator[int]:
    """The processes that carry out a run in the worker's own container, as this machine numbers them."""
    for worker in service_ids(site, AGENT, "worker"):
        for line in docker("top", worker, "-o", "pid").splitlines()[1:]:
            if f"PREFECT__FLOW_RUN_ID={run}" in environment(int(line)):
                yield int(line)


def environment(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/environ").read_text(errors="replace").split("\0")
    except OSError:  # it has ended
        return []


def kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
