"""A real Prefect server as a process on SQLite, and a folder in which the registrar is run against it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.client.base import PrefectHttpxSyncClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from tests import sites
from tests.sharing import SHARED

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "client"), str(ROOT)]
LOOPBACK = "127.0.0.1"
START_LIMIT_S = 300
AHEAD = "scheduled runs "  # how an outcome of runs begins that were removed because their schedule no longer makes them
# What a rendered work pool gives to its runs.
STORAGE = {"PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": "local-file-system/flow-storage"}
# SQLite on a busy machine is late, and would be answered for with a 503.
PATIENCE = {
    "PREFECT_SERVER_DATABASE_TIMEOUT": "45",
    "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
}


@dataclass
class Server:
    """A running server: where it is, the environment in which its clients find it, and its process."""

    url: str
    environment: dict[str, str]
    pid: int = 0
    api: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        login = tuple(self.environment.get("PREFECT_API_AUTH_STRING", ":").split(":", 1))
        # As all clients of Prefect do, it asks again at a 503: so SQLite answers a write that another one overtook.
        self.api = PrefectHttpxSyncClient(
            base_url=self.url, auth=(login[0], login[1]), timeout=60, raise_on_all_errors=False
        )

    def all(self, kind: str, **body: Any) -> list[dict[str, Any]]:
        """Everything of a kind that the server has, such as `work_pools`."""
        answer = self.api.post(f"/{kind}/filter", json=body).raise_for_status()
        return list(answer.json())

    def named(self, kind: str, name: str) -> dict[str, Any] | None:
        """The one of this name, or None."""
        return next((thing for thing in self.all(kind) if thing["name"] == name), None)


@dataclass
class Folder:
    """A folder with a registration, as `client/` is one."""

    path: Path
    server: Server

    def write(self, name: str, content: Any) -> None:
        """Write a file; content that is not text becomes YAML, which includes JSON."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A Python module, run in this folder against the server."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.path,
            env={**self.server.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def register(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`python -m registrar`."""
        return self.run("registrar", *arguments, **environment)

    def pool_template(self) -> str:
        """The base job template of Prefect's own for process workers."""
        template = asyncio.run(get_default_base_job_template_for_infrastructure_type("process"))
        assert template
        return json.dumps(template)

    @contextmanager
    def worker(self, pool: str, log: str, limit: int = 99, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """The process worker of agent/, with `pool.json` for its template, up to the end of the block."""
        env = self.server.environment | {
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_WEBSERVER_PORT": str(free_port()),
            **more,
        }
        command = [sys.executable, str(ROOT / "agent" / "process_worker.py"), f"--pool={pool}", f"--limit={limit}"]
        with process([*command, f"--base-job-template={self.path / 'pool.json'}"], env, self.path / log) as started:
            yield started

    def states(self) -> dict[str, str]:
        """As `outcomes`, without the runs that were scheduled ahead: how many there are is up to the server's pace."""
        return {thing: state for thing, state in self.outcomes().items() if not thing.startswith(AHEAD)}

    def outcomes(self) -> dict[str, str]:
        """What a registration says became of each thing, by kind and name; without a process, to save its start."""
        from registrar.register import register

        with temporary_settings({PREFECT_API_URL: self.server.url}), chdir(self.path):
            outcomes = list(register(Path("registration.yaml"), wait_s=60))
        return {f"{outcome.kind} {outcome.name}": outcome.state for outcome in outcomes}


def free_port() -> int:
    """A loopback port on which nothing listens."""
    return sites.free_ports(1)[0]


def environment(home: Path, port: int, host: str = LOOPBACK, **more: str) -> dict[str, str]:
    """The environment of the server and of its clients: no settings of the person who runs the tests."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return {
        **inherited,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://{host}:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PYTHONPATH": str(ROOT / "client"),
        "PYTHONUNBUFFERED": "1",  # what is read in a log has to be there
        **more,
    }


@contextmanager
def process(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


@contextmanager
def running_server(home: Path, port: int, host: str = LOOPBACK, **more: str) -> Iterator[Server]:
    """The server of a small site, up to the end of the block."""
    env, log = environment(home, port, host, **PATIENCE, **more), home / "server.log"
    home.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        str(ROOT / "server/sqlite_server.py"),
        "server",
        "start",
        "--host",
        host,
        "--port",
        str(port),
    ]
    with process(command, env, log) as started:
        wait_until(lambda: started.poll() is not None or answers(port, host), log)
        assert started.poll() is None, log.read_text()
        yield Server(env["PREFECT_API_URL"], env, started.pid)


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether the server says that it is well."""
    try:
        return httpx.get(f"http://{host}:{port}/api/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], bool], log: Path, limit_s: float = START_LIMIT_S) -> None:
    """Return once the condition holds; fail with the log where it does not come to hold."""
    ends = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.2)


_lent: list[Server] = []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One for the files that are tested together (tests/sharing.py): one at rest takes its part of the machine too."""
    if not _lent:
        # What tests made is not to change behind their back: the foreman calls it not ready after a minute without
        # workers.
        quiet = {"PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false"}
        _lent.append(SHARED.enter_context(running_server(tmp_path_factory.mktemp("prefect"), free_port(), **quiet)))
        SHARED.callback(_lent.clear)
    return _lent[0]


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Folder:
    return Folder(tmp_path, server)


@pytest.fixture(scope="module")
def samples(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The client's own flows, published and registered for the pool `agent_pool`; `srv/` is their storage."""
    folder = Folder(tmp_path_factory.mktemp("site"), server)
    (folder.path / "flows").symlink_to(ROOT / "client" / "flows")
    storage = folder.path / "srv"
    folder.write(
        "registration.yaml",
        {
            "owner": "samples",
            "publish": {"source": "flows", "target": str(storage / "flows")},
            "pools": [{"name": "agent_pool", "type": "process"}],
            "concurrency_limits": [{"name": "weather-stations", "limit": 4}],
            "blocks": [
                {"type": "local-file-system", "name": "flow-storage", "values": {"basepath": str(storage / "results")}}
            ],
            "deployments": ["prefect.yaml"],
        },
    )
    entries = [
        {"name": name, "entrypoint": f"flows/{name}.py:{name}", "work_pool": {"name": "agent_pool"}}
        for name in ("weather", "flights")
    ]
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(storage)}}
    folder.write("prefect.yaml", {"pull": [step], "deployments": entries})
    folder.states()
    return folder


@pytest.fixture(scope="module")
def worker(samples: Folder) -> Iterator[None]:
    """A process worker of the samples' pool."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "agent_pool", "--type", "process"]
    env = {**samples.server.environment, **STORAGE, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    # The worker finds the flow where the registrar published it, and nowhere else.
    with process(command, {**env, "PYTHONPATH": ""}, samples.path / "worker.log"):
        yield


@contextmanager
def by_itself(folder: Folder, path: Path, code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A flow as a plain Python process that finds its packages in the folder `path` first."""
    env = {**folder.server.environment, **STORAGE, "PYTHONPATH": f"{path}:{ROOT / 'client'}"}
    with process([sys.executable, "-c", code], env, folder.path / f"{path.name}.log") as started:
        yield started
