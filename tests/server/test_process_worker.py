"""The process worker of agent/ lets its runs end before it does."""

import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

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


OUTAGE_SECONDS = 60  # Prefect itself cancels nothing any more after half a minute


@pytest.mark.long
def test_a_run_is_cancelled_after_an_outage_of_the_api(site: Folder) -> None:
    with Wire(site.server.url) as wire:
        url = f"http://127.0.0.1:{wire.port}/api"
        own = {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "0", "PREFECT_WORKER_QUERY_SECONDS": "10"}
        with site.worker(POOL, log(site).name, limit=2, PYTHONPATH="", **own) as worker:
            run = start(site, site.path / "cut-off")
            until(lambda: state(site, run) == "RUNNING", site)
            with wire.cut():
                until(lambda: "cannot ask the API which runs are cancelled" in log(site).read_text(), site)
                time.sleep(OUTAGE_SECONDS)
            answer = site.server.api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLING"}})
            assert answer.raise_for_status().json()["status"] == "ACCEPT"
            until(lambda: state(site, run) == "CANCELLED", site)
            assert worker.poll() is None
    assert "flow run cancellation will fail" not in log(site).read_text()


class Wire:
    """A port that leads to the server, and can be cut."""

    def __init__(self, url: str) -> None:
        self.target = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.whole, self.pairs = True, list[tuple[socket.socket, socket.socket]]()

    def __enter__(self) -> "Wire":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()
        self._hang_up()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.whole = False
        self._hang_up()
        try:
            yield
        finally:
            self.whole = True

    def _hang_up(self) -> None:
        for connection in (one for pair in self.pairs for one in pair):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                theirs, _ = self.listener.accept()
                if not self.whole:
                    theirs.close()
                    continue
                pair = (theirs, socket.create_connection(self.target))
                self.pairs.append(pair)
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with one, other, selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                content = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not content:
                    return
                key.data.sendall(content)


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
