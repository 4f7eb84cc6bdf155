"""From schedules.yml to runs: cron, interval and rrule each at their times and once, also across a restart."""

import itertools
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stack.cli import main
from tests.server.conftest import ROOT, Folder, Server, free_port, process, running_server, wait_until

PERIOD = timedelta(seconds=30)
# The seconds of a minute at which each of them runs; no two at once.
SECONDS = {"cron": {0, 30}, "interval": {10, 40}, "rrule": {20, 50}}
# Prefect's scheduler goes through every time of a rule since its start.
START = f"{datetime.now() - timedelta(days=2):%Y%m%d}T000000"
SCHEDULES = f"""
weather:
  - {{slug: cron, cron: "* * * * * 0,30", timezone: Asia/Tokyo, parameters: {{kind: cron}}}}
  - {{slug: interval, interval: PT30S, anchor_date: "2026-01-01T00:00:10Z", parameters: {{kind: interval}}}}
  - slug: rrule
    rrule: "DTSTART:{START}\\nRRULE:FREQ=MINUTELY;BYSECOND=20,50"
    timezone: Asia/Kolkata
    parameters: {{kind: rrule}}
"""
# In place of the sample flow: each run leaves one line, which says its name and its time.
FLOW = """
import os

from prefect import flow
from prefect.runtime import flow_run


@flow
def weather(kind: str = "") -> None:
    line = f"{kind} {flow_run.scheduled_start_time.isoformat()}\\n"
    descriptor = os.open(os.path.join(os.environ["SITE_HOME"], "ran"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line.encode())
"""


@dataclass
class Site:
    """A rendered site on a server of its own, which can be restarted."""

    root: Path
    server: Server

    @property
    def home(self) -> Path:
        return self.root / "srv"

    def register(self) -> str:
        """Renders, and registers as the client's container does; the table that it prints."""
        assert main(["--output", str(self.root)]) == 0
        (self.root / "client/flows/weather.py").write_text(FLOW, encoding="utf-8")
        folder = Folder(self.root / "client", self.server)
        done = folder.register("registration.yaml", SITE_HOME=str(self.home))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ran(self) -> list[tuple[str, datetime]]:
        """What runs wrote: kind and scheduled time."""
        path = self.home / "ran"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [(line.split()[0], datetime.fromisoformat(line.split()[1])) for line in lines]

    def runs(self, kind: str) -> list[dict[str, Any]]:
        """Every run of that schedule that the server has, past and to come, by time."""
        only = {"name": {"any_": ["weather"]}}
        found = self.server.all("flow_runs", flows=only, sort="EXPECTED_START_TIME_ASC", limit=200)
        if len(found) == 200:
            found += self.server.all("flow_runs", flows=only, sort="EXPECTED_START_TIME_ASC", limit=200, offset=200)
        return [run for run in found if run["parameters"] == {"kind": kind}]

    @contextmanager
    def workers(self, count: int) -> Iterator[None]:
        """Process workers of agent/, which end their runs before the block is left."""
        command = [sys.executable, str(ROOT / "agent" / "process_worker.py"), "--pool", "agent_pool", "--limit", "1"]
        command += ["--base-job-template", str(self.root / "agent/base-job-template.json")]
        env = self.server.environment | {"PREFECT_WORKER_QUERY_SECONDS": "1", "SITE_HOME": str(self.home)}
        with ExitStack() as stack:
            started: list[subprocess.Popen[bytes]] = []
            for number in range(count):
                health = {"PREFECT_WORKER_WEBSERVER_PORT": str(free_port()), "PYTHONPATH": ""}
                started.append(stack.enter_context(process(command, env | health, self.root / f"worker-{number}.log")))
            yield
            for worker in started:
                worker.send_signal(signal.SIGTERM)
            for worker in started:
                worker.wait(300)

    def until(self, condition: Callable[[], bool]) -> None:
        wait_until(condition, self.root / "worker-0.log", limit_s=400)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two workers, a run of every schedule, then a restart of all of it with five and a run of every schedule again."""
    root, home, port = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("prefect"), free_port()
    (root / "schedules.yml").write_text(SCHEDULES, encoding="utf-8")
    with running_server(home, port) as server:
        site = Site(root, server)
        site.register()
        with site.workers(2):
            site.until(lambda: {kind for kind, _ in site.ran()} == set(SECONDS))
        before = len(site.ran())
    with running_server(home, port) as server:
        site.server = server
        with site.workers(5):
            site.until(lambda: {kind for kind, _ in site.ran()[before:]} == set(SECONDS))
        yield site


def at(run: dict[str, Any], what: str) -> datetime:
    return datetime.fromisoformat(run[what])


@pytest.mark.parametrize("kind", SECONDS)
def test_runs_are_made_for_every_slot_and_no_other_time(site: Site, kind: str) -> None:
    times = [at(run, "expected_start_time") for run in site.runs(kind)]
    assert len(times) > 20
    assert {(time.second, time.microsecond) for time in times} == {(second, 0) for second in SECONDS[kind]}
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {PERIOD}


def test_each_slot_ran_once_though_five_workers_looked(site: Site) -> None:
    assert max(Counter(site.ran()).values()) == 1


@pytest.mark.parametrize("kind", SECONDS)
def test_what_ran_is_what_was_scheduled_and_not_before_its_time(site: Site, kind: str) -> None:
    completed = [run for run in site.runs(kind) if run["state_type"] == "COMPLETED"]
    assert len(completed) >= 2, "one before the restart and one after it"
    times = {at(run, "expected_start_time"): at(run, "start_time") for run in completed}
    assert times.keys() == {time for name, time in site.ran() if name == kind}
    # The server rounds what is left to wait to whole seconds (WaitForScheduledTime).
    assert not {slot: started for slot, started in times.items() if started < slot - timedelta(seconds=1)}


def test_what_leaves_the_file_ends_and_what_users_paused_stays_so(site: Site) -> None:
    deployment = site.server.api.get("/deployments/name/weather/weather").raise_for_status().json()
    ids = {schedule["slug"]: schedule["id"] for schedule in deployment["schedules"]}
    path = f"/deployments/{deployment['id']}/schedules/{ids['interval']}"
    site.server.api.patch(path, json={"active": False}).raise_for_status()
    text = SCHEDULES.partition("  - slug: rrule")[0]
    text = text.replace("{slug: cron,", "{slug: cron, paused: true,").replace("PT30S", "PT40S")
    (site.root / "schedules.yml").write_text(text, encoding="utf-8")

    rows = [re.split(" {2,}", line) for line in site.register().splitlines()]
    assert {name: state for kind, name, state in rows if kind == "schedule"} == {
        "weather/weather cron": "changed: active",
        # The server drops the parameters of a schedule that is paused through its API; registration brings them back.
        "weather/weather interval": "changed: schedule, parameters",
        "weather/weather rrule": "removed",
    }
    deployment = site.server.api.get("/deployments/name/weather/weather").raise_for_status().json()
    assert {s["slug"]: (s["id"], s["active"], s["parameters"]) for s in deployment["schedules"]} == {
        name: (ids[name], False, {"kind": name}) for name in ("cron", "interval")
    }
    assert not [run for kind in SECONDS for run in site.runs(kind) if run["state_type"] == "SCHEDULED"]
