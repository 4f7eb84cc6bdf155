"""The recovery against a real server: what is dead is noticed and comes back, what lives or is over is left alone."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import httpx
import pytest
from recovery.server import Server
from recovery.verdict import Retry
from site_service.rest import Rest, RestEnv

from tests.server.conftest import ROOT, free_port, process, running_server
from tests.server.conftest import Server as RunningServer

POOL = "lost_pool"
LOGIN = "admin:the-login"
# A fifth of its patience: a run is missed after 15 s, a worker after 8 s, one that never began after 12 or 18 s.
IMPATIENT = {"RECOVERY_PATIENCE": "20", "RECOVERY_INTERVAL": "1", "MAX_CRASH_RETRIES": "2"}
LONG_SECONDS = 300
OUTAGE_SECONDS, BACK_SECONDS = 20, 3
# Where it is found, and what it shares with the reaper.
OWN_PATH = {"PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("server", "images/prefect"))}
REPORTED = "Flow run infrastructure exited with non-zero status code 137."
ODD_ENVS: dict[str, Any] = {
    "odd: list": {"type": "array", "default": ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30"]},
    "odd: text": {"default": "PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30"},
    "odd: too often": {"default": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": 0}},
}
STUCK, ALIVE, DEAD = "", "ProcessWorker alive", "ProcessWorker dead"


@dataclass
class Site:
    """A server with a pool and a deployment, and what the runs and workers on it say of themselves."""

    server: RunningServer
    deployment: str
    other: str  # a deployment, one of whose runs was heard
    flow: str
    beating: set[str] = field(default_factory=set)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.server.api.post(path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def run(self, *states: str, worker: str = "", by_hand: bool = False, deployment: str = "") -> str:
        """A new run, brought through these states: TYPE, or TYPE/Name."""
        made = (
            self.post("/flow_runs/", flow_id=self.flow, state={"type": "PENDING"})
            if by_hand
            else self.post(f"/deployments/{deployment or self.deployment}/create_flow_run", state={"type": "SCHEDULED"})
        )
        if worker:
            labels = {"prefect.worker.name": worker}
            self.server.api.patch(f"/flow_runs/{made['id']}/labels", json=labels).raise_for_status()
        for state in states:
            self.set(made["id"], state)
        return str(made["id"])

    def set(self, run: str, state: str, message: str = "") -> None:
        assert self.sets(run, state, message), self.history(run)

    def sets(self, run: str, state: str, message: str = "") -> bool:
        """Whether the server lets the run go on to this state."""
        kind, _, name = state.partition("/")
        wanted = {"type": kind, "name": name or None, "message": message}
        return bool(self.post(f"/flow_runs/{run}/set_state", state=wanted)["status"] == "ACCEPT")

    def history(self, run: str) -> list[dict[str, Any]]:
        """Its states, the first one first."""
        states = self.server.api.get("/flow_run_states/", params={"flow_run_id": run}).raise_for_status().json()
        return sorted(cast(list[dict[str, Any]], states), key=lambda state: str(state["timestamp"]))

    def names(self, run: str) -> list[str]:
        return [state["name"] for state in self.history(run)]

    def message(self, run: str, name: str) -> str:
        """That of its last state of this name."""
        return str([state["message"] for state in self.history(run) if state["name"] == name][-1])

    def beat(self, run: str, deployment: str = "") -> None:
        """A heartbeat, as the engine of a run sends it."""
        its_deployment = {
            "prefect.resource.id": f"prefect.deployment.{deployment}",
            "prefect.resource.role": "deployment",
        }
        event = {
            "id": str(uuid.uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": "prefect.flow-run.heartbeat",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
            "related": [its_deployment] if deployment else [],
        }
        self.server.api.post("/events", json=[event]).raise_for_status()

    def report(self, worker: str) -> None:
        self.post(f"/work_pools/{POOL}/workers/heartbeat", name=worker, heartbeat_interval_seconds=1)

    def keep_beating(self, ends: Event) -> None:
        """Heartbeats of those that are to live, once a second."""
        while not ends.wait(1):
            with suppress(httpx.HTTPError):  # the next one follows
                self.report(ALIVE)
                for run in set(self.beating):
                    self.beat(run)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("recovery")
    settings = {
        "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5",
    }
    with running_server(home, free_port(), **settings) as server:
        made, ends = prepared(server), Event()
        made.report(DEAD)
        thread = Thread(target=made.keep_beating, args=(ends,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            ends.set()
            thread.join()


def prepared(server: RunningServer) -> Site:
    env = {"type": "object", "default": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
    variables = {"type": "object", "properties": {"env": env}}
    template = {"job_configuration": {"env": "{{ env }}"}, "variables": variables}
    site = Site(server, "", "", "")
    site.post("/work_pools/", name=POOL, type="process", base_job_template=template)
    for name, odd in ODD_ENVS.items():  # the API takes them
        odd_template = {
            "job_configuration": {"env": "{{ env }}"},
            "variables": {"type": "object", "properties": {"env": odd}},
        }
        site.post("/work_pools/", name=name, type="process", base_job_template=odd_template)
    site.flow = site.post("/flows/", name="lost")["id"]
    site.deployment = site.post("/deployments/", name="lost", flow_id=site.flow, work_pool_name=POOL)["id"]
    site.other = site.post("/deployments/", name="other", flow_id=site.flow, work_pool_name=POOL)["id"]
    site.beat(site.run("PENDING", "RUNNING", "COMPLETED", deployment=site.other), site.other)
    return site


@pytest.fixture(scope="module")
def recovery(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The recovery as a service; its log."""
    folder = tmp_path_factory.mktemp("service")
    env = site.server.environment | OWN_PATH | IMPATIENT | {"RECOVERY_HEALTH_FILE": str(folder / "healthy")}
    with process([sys.executable, "-m", "recovery"], env, folder / "log"):
        yield folder / "log"


@pytest.fixture(scope="module")
def runs(site: Site, recovery: Path) -> dict[str, str]:
    """One of each kind, made together: they are missed at about the same time."""
    site.post("/flow_runs/", flow_id=site.flow, name="without a state")
    made = {
        "silent": site.run("PENDING", "RUNNING", worker=ALIVE),
        "never heard, worker dead": site.run("PENDING", "RUNNING", worker=DEAD),
        "never heard, worker alive": site.run("PENDING", "RUNNING", worker=ALIVE),
        "never heard, but its deployment": site.run("PENDING", "RUNNING", worker=ALIVE, deployment=site.other),
        "taken, worker dead": site.run("PENDING", "PENDING/Submitting", worker=DEAD),
        "taken, worker alive": site.run("PENDING", "PENDING/Submitting", worker=ALIVE),
        "taken by no worker": site.run("PENDING"),
        "cancelled": site.run("PENDING", "RUNNING", "CANCELLED"),
        "completed": site.run("PENDING", "RUNNING", "COMPLETED"),
        "paused": site.run("PENDING", "RUNNING", "PAUSED"),
        "by hand": site.run("RUNNING", by_hand=True),
        "alive": site.run("PENDING", "RUNNING", worker=DEAD),
        "poison": site.run("PENDING", "RUNNING"),
    }
    for name in ("silent", "cancelled", "paused", "by hand"):
        site.beat(made[name])
    site.beating.add(made["alive"])
    return made


def until(condition: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.5)


def test_two_that_find_the_same_crash_bring_the_run_back_once(site: Site) -> None:
    """Without the service, which would be a third."""
    server = Server(Rest(RestEnv(site.server.url, LOGIN, "")))
    run = site.run("PENDING", "RUNNING")
    site.set(run, "CRASHED", REPORTED)
    (found,) = (one for one in server.crashed(timedelta(hours=1)) if one.id == run)
    again = Retry(datetime.now(UTC), "once")
    assert server.retry(found, again) == ""
    assert server.retry(found, again) == "This run has already made this state transition."
    assert site.names(run)[-2:] == ["Crashed", "AwaitingRetry"]


def test_each_odd_work_pool_is_named_once(recovery: Path, runs: dict[str, str]) -> None:
    start = "passed over the base job template of the work pool"
    until(lambda: all(f"{start} {name}," in recovery.read_text() for name in ODD_ENVS), recovery)
    assert recovery.read_text().count(start) == len(ODD_ENVS)


def test_a_run_that_says_nothing_any_more_is_crashed_and_scheduled_again(
    site: Site, runs: dict[str, str], recovery: Path
) -> None:
    silent = runs["silent"]
    until(lambda: site.names(silent)[-1] == "AwaitingRetry", recovery)
    assert site.names(silent) == ["Scheduled", "Pending", "Running", "Crashed", "AwaitingRetry"]
    reason = site.message(silent, "Crashed")
    assert re.match(r"No heartbeat for (1[5-9]|2[0-2]) s: ", reason)
    assert site.message(silent, "AwaitingRetry") == f"Runs again, retry 1 of 2, since it crashed: {reason}"
    assert f"flow run {name(site, silent)} {silent}: {reason}" in recovery.read_text()


def name(site: Site, run: str) -> str:
    return str(site.server.api.get(f"/flow_runs/{run}").json()["name"])


def test_a_worker_finds_the_run_among_what_it_may_take(site: Site, runs: dict[str, str], recovery: Path) -> None:
    until(lambda: site.names(runs["silent"])[-1] == "AwaitingRetry", recovery)

    def takes() -> list[str]:
        offered = site.post(f"/work_pools/{POOL}/get_scheduled_flow_runs")
        return [one["flow_run"]["id"] for one in offered]

    until(lambda: runs["silent"] in takes(), recovery)


def test_a_run_that_died_with_its_worker_before_it_was_heard_comes_back(
    site: Site, runs: dict[str, str], recovery: Path
) -> None:
    until(lambda: site.names(runs["never heard, worker dead"])[-1] == "AwaitingRetry", recovery)


def test_a_run_that_died_before_it_was_heard_comes_back_where_others_of_its_deployment_were_heard(
    site: Site, runs: dict[str, str], recovery: Path
) -> None:
    until(lambda: site.names(runs["never heard, but its deployment"])[-1] == "AwaitingRetry", recovery)


def test_a_run_left_pending_by_a_dead_worker_comes_back_and_says_which(
    site: Site, runs: dict[str, str], recovery: Path
) -> None:
    lost = runs["taken, worker dead"]
    until(lambda: site.names(lost)[-1] == "AwaitingRetry", recovery)
    assert site.names(lost) == ["Scheduled", "Pending", "Submitting", "Crashed", "AwaitingRetry"]
    assert site.message(lost, "Crashed") == (
        "ProcessWorker dead was killed, or cannot reach the API any more, before the run began"
    )


def test_a_run_that_no_worker_took_further_comes_back(site: Site, runs: dict[str, str], recovery: Path) -> None:
    lost = runs["taken by no worker"]
    until(lambda: site.names(lost)[-1] == "AwaitingRetry", recovery)
    assert site.message(lost, "Crashed").startswith("Taken by a worker ")


def test_what_lives_is_over_or_belongs_to_no_pool_is_left_alone(
    site: Site, runs: dict[str, str], recovery: Path
) -> None:
    for lost in ("silent", "taken, worker dead", "never heard, worker dead", "taken by no worker"):
        until(lambda run=runs[lost]: site.names(run)[-1] == "AwaitingRetry", recovery)  # type: ignore[misc]
    left = {
        "never heard, worker alive": "Running",
        "taken, worker alive": "Submitting",
        "cancelled": "Cancelled",
        "completed": "Completed",
        "paused": "Paused",
        "alive": "Running",
        "by hand": "Running",  # its heartbeats would come every 180 s
    }
    assert {name: site.names(runs[name])[-1] for name in left} == left
    assert not [name for name in left if "Crashed" in site.names(runs[name])]


def test_a_poison_run_ends_crashed_after_its_retries_and_says_why(
    site: Site, runs: dict[str, str], recovery: Path
) -> None:
    poison = runs["poison"]
    for _ in range(2):
        site.set(poison, "CRASHED", REPORTED)
        until(lambda: site.names(poison)[-1] == "AwaitingRetry", recovery)
        site.set(poison, "PENDING")
        until(lambda: site.sets(poison, "RUNNING"), recovery)  # not before its pause is over
    site.set(poison, "CRASHED", REPORTED)
    over = f"Crashed 3 times and is not run again (MAX_CRASH_RETRIES=2). The last time: {REPORTED}"
    until(lambda: site.message(poison, "Crashed") == over, recovery)
    assert site.names(poison)[-2:] == ["Crashed", "Crashed"]
    assert site.server.api.get(f"/flow_runs/{poison}").json()["run_count"] == 3


def test_a_server_that_is_away_makes_nobody_dead(site: Site, runs: dict[str, str], recovery: Path) -> None:
    alive = runs["alive"]
    until(lambda: site.names(runs["silent"])[-1] == "AwaitingRetry", recovery)  # who is silent is missed
    site.beating.remove(alive)
    os.kill(site.server.pid, signal.SIGSTOP)
    try:
        time.sleep(OUTAGE_SECONDS)  # longer than a run may be silent
    finally:
        os.kill(site.server.pid, signal.SIGCONT)
    time.sleep(BACK_SECONDS)  # it has to find its way back to the server
    site.beating.add(alive)
    time.sleep(OUTAGE_SECONDS)
    assert site.names(alive) == ["Scheduled", "Pending", "Running"], recovery.read_text()
    site.beating.remove(alive)
    until(lambda: site.names(alive)[-1] == "AwaitingRetry", recovery)


def test_a_wrong_login_is_told_and_the_service_goes_on_trying(site: Site, tmp_path: Path) -> None:
    env = site.server.environment | OWN_PATH | IMPATIENT | {"PREFECT_API_AUTH_STRING": "admin:wrong"}
    with process([sys.executable, "-m", "recovery"], env, tmp_path / "log") as service:
        told = f"the API at {site.server.url}/flow_runs/filter refused the login: correct PREFECT_API_AUTH_STRING"
        until(lambda: (tmp_path / "log").read_text().count(told) > 1, tmp_path / "log")
        assert service.poll() is None


def test_a_service_without_an_api_says_so_and_ends(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "recovery"],
        cwd=tmp_path,
        env=environ | OWN_PATH,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.endswith(
        "PREFECT_API_URL is not set: write the site's API, for example http://server:4200/api\n"
    )
