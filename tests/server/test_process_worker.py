"""The process worker of agent/ lets its runs end before it does."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.conftest import Folder, Server

POOL = "drain_pool"
SLOW_FLOW = """
import atexit
import time
from pathlib import Path

from prefect import flow


@flow
def slow(marker: str) -> None:
    while not Path(f"{marker}-may-end").exists():
        time.sleep(0.1)
    Path(marker).write_text("written at the end")


@flow
def ends_slowly(marker: str) -> None:
    atexit.register(time.sleep, 8)
    with Path(marker).open("a") as file:
        file.write("ran ")
"""


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("drain"), server)
    folder.write("flows/slow.py", SLOW_FLOW)
    folder.write("pool.json", folder.pool_template())
    folder.write(
        "registration.yaml",
        {
            "owner": "drain",
            "pools": [{"name": POOL, "type": "process", "base_job_template": "pool.json"}],
            "deployments": ["prefect.yaml"],
        },
    )
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder.path)}}
    names = ("slow", "ends_slowly")
    entries = [{"name": name, "entrypoint": f"flows/slow.py:{name}", "work_pool": {"name": POOL}} for name in names]
    folder.write("prefect.yaml", {"pull": [step], "deployments": entries})
    folder.states()
    return folder


@pytest.fixture
def worker(site: Folder) -> Iterator[subprocess.Popen[bytes]]:
    with site.worker(POOL, log(site).name, limit=2, PYTHONPATH="") as started:
        yield started


def test_a_stopped_worker_ends_its_run_and_takes_no_other(site: Folder, worker: subprocess.Popen[bytes]) -> None:
    first, second = (site.path / name for name in ("first", "second"))
    running = start(site, first)
    until(lambda: state(site, running) == "RUNNING", site)
    worker.send_signal(signal.SIGTERM)
    until(lambda: "SIGTERM: no more runs; 1 to end" in log(site).read_text(), site)
    waiting = start(site, second)
    may_end(first)
    assert worker.wait(300) == 0, log(site).read_text()
    assert first.read_text() == "written at the end"
    assert state(site, running) == "COMPLETED"
    assert not second.exists()
    assert state(site, waiting) == "SCHEDULED"
    may_end(second)  # the next test's worker takes it


def test_an_idle_worker_stops(site: Folder, worker: subprocess.Popen[bytes]) -> None:
    until(lambda: "started!" in log(site).read_text(), site)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(300) == 0, log(site).read_text()


def test_a_run_that_is_scheduled_again_while_its_process_ends_runs_again(
    site: Folder, worker: subprocess.Popen[bytes]
) -> None:
    """Its slot is still taken at the next poll; Prefect 3.9.1 skips it then (`Duplicate submission`)."""
    run = start(site, site.path / "twice", "ends_slowly")
    until(lambda: state(site, run) == "COMPLETED", site)
    body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}}
    assert site.server.api.post(f"/flow_runs/{run}/set_state", json=body).json()["status"] == "ACCEPT"
    until(lambda: (site.path / "twice").read_text() == "ran ran ", site)
    until(lambda: state(site, run) == "COMPLETED", site)
    assert worker.poll() is None


def may_end(marker: Path) -> None:
    marker.with_name(f"{marker.name}-may-end").touch()


def log(site: Folder) -> Path:
    return site.path / "worker.log"


def start(site: Folder, marker: Path, flow: str = "slow") -> str:
    """A run of one of the flows; its id."""
    deployment = site.server.named("deployments", flow)
    assert deployment
    body = {"parameters": {"marker": str(marker)}, "state": {"type": "SCHEDULED"}}
    answer = site.server.api.post(f"/deployments/{deployment['id']}/create_flow_run", json=body).raise_for_status()
    return str(answer.json()["id"])


def state(site: Folder, run: str) -> str:
    return str(site.server.api.get(f"/flow_runs/{run}").raise_for_status().json()["state"]["type"])


def until(condition: Callable[[], bool], site: Folder, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log(site).read_text()
        time.sleep(0.2)
