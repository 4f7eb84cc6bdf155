"""A site that runs, looked at as its users do: through its API, the engine, its volume and its folder."""

import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx
from prefect.client.base import PrefectHttpxSyncClient

from tests.sites import SiteUnderTest, docker

WEATHER = "weather/weather"
LONG_SECONDS = 600  # a machine may be busy with something else
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PAUSE_SECONDS = 1  # what is asked is often a command on an engine, which takes half a second of a core
SOON_SECONDS = 0.3  # what is asked is the API, which costs a tenth of that
PAGE = 200  # the server gives no more at once
QUIET_SECONDS = 5  # a logger gathers lines for two seconds before it sends them
# The last line that each logger of a run writes, and sends after the others.
LAST_WORDS = {
    "prefect.flow_runs.worker": "submitted to infrastructure",
    "prefect.flow_runs": "Finished in state Completed()",
}
# A reaper that need not be waited for: by itself it looks every 30 s and leaves the logs 60 s to be read.
EAGER_REAPER = """
services:
  reaper:
    environment: {REAPER_INTERVAL: "2", REAPER_GRACE: "5"}
"""
# What a worker, a registrar or a test run of the person who starts the tests would pass to the site's commands.
OURS = ("PREFECT_", "COMPOSE_", "MAKE", "MFLAGS", "VIRTUAL_ENV")
WRITTEN = "/srv/site/results/weather/*/*.json"
FIGURES = f"import glob, json; print(json.dumps([json.load(open(f)) for f in glob.glob('{WRITTEN}')]))"


def environment(**more: str) -> dict[str, str]:
    """The environment of a user who has just opened a terminal."""
    return {key: value for key, value in os.environ.items() if not key.startswith(OURS)} | more


@contextmanager
def api(site: SiteUnderTest) -> Iterator[httpx.Client]:
    """The site's API with its login, where it has one.

    As all clients of Prefect do, it asks again at a 503: so SQLite answers a write that another one overtook.
    """
    yield _client(api_url(site), login(site))


@cache
def _client(url: str, login: tuple[str, str] | None) -> httpx.Client:
    """One for all calls: a poll every second must cost a call, and not a client and its trusted roots."""
    return PrefectHttpxSyncClient(base_url=url, auth=login, timeout=60, raise_on_all_errors=False)


def login(site: SiteUnderTest) -> tuple[str, str] | None:
    env = site.env
    user, _, password = env.get("PREFECT_API_AUTH_STRING", "").partition(":")
    return (user, password) if user and env.get("SERVER_AUTH") != "false" else None


def api_url(site: SiteUnderTest) -> str:
    return f"http://{site.env.get('SERVER_BIND', '127.0.0.1')}:{site.port}/api"


def answers(site: SiteUnderTest) -> bool:
    try:
        return httpx.get(f"{api_url(site)}/health", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def all_runs(site: SiteUnderTest, **body: Any) -> list[dict[str, Any]]:
    """Every flow run, or those that the filters name; at most 200."""
    with api(site) as client:
        return list(client.post("/flow_runs/filter", json=body).raise_for_status().json())


def every(site: SiteUnderTest, kind: str, **body: Any) -> list[dict[str, Any]]:
    """All that the server has of a kind, such as `logs`."""
    found: list[dict[str, Any]] = []
    with api(site) as client:
        while True:
            page = client.post(f"/{kind}/filter", json={**body, "limit": PAGE, "offset": len(found)})
            found += page.raise_for_status().json()
            if len(page.json()) < PAGE:
                return found


def run_weather(site: SiteUnderTest, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Starts runs of the weather flow and follows them; fails unless all of them are Completed."""
    command = ("python", "-m", "registrar", "run", WEATHER, *arguments)
    return site.compose("client", "run", "--rm", "--no-TTY", "client", *command, check=check)


def figures(site: SiteUnderTest) -> list[dict[str, Any]]:
    """What every run of the weather flow wrote into the site's volume."""
    done = site.compose("agent", "run", "--rm", "--no-TTY", "--no-deps", "worker", "python", "-c", FIGURES)
    return cast(list[dict[str, Any]], json.loads(done.stdout))


def containers(site: SiteUnderTest, *filters: str) -> list[dict[str, Any]]:
    """`docker inspect` of the site's containers, ended ones included."""
    found = docker(
        "ps", "--all", "--quiet", f"--filter=label=site={site.name}", *(f"--filter={one}" for one in filters)
    )
    return list(json.loads(docker("inspect", *found.split()))) if found else []


def living(site: SiteUnderTest) -> dict[str, tuple[str, str]]:
    """Name -> identity and start of each container that runs: equal if nothing was recreated or restarted."""
    return {one["Name"]: (one["Id"], one["State"]["StartedAt"]) for one in containers(site, "status=running")}


def service(site: SiteUnderTest, name: str) -> list[dict[str, Any]]:
    """`docker inspect` of a service's containers."""
    return containers(site, f"label=com.docker.compose.service={name}")


def networks(site: SiteUnderTest) -> list[str]:
    return docker("network", "ls", "--quiet", f"--filter=label=site={site.name}").split()


def until(
    what: str, condition: Callable[[], object], seconds: float = LONG_SECONDS, pause: float = PAUSE_SECONDS
) -> None:
    """Returns once the condition holds; fails where it does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause)


def until_healthy(site: SiteUnderTest) -> None:
    """Returns once every container that runs is healthy, as far as it says so: Compose starts nothing beside others."""
    until("every container is healthy", lambda: healths(site) <= {"healthy"})


def healths(site: SiteUnderTest) -> set[str]:
    states = [one["State"] for one in containers(site) if one["State"]["Status"] != "exited"]
    return {str(state.get("Health", {}).get("Status", "healthy")) for state in states}


def until_settled(site: SiteUnderTest) -> None:
    """Returns once no run is active and all lines of the logs have arrived, some of which do after a run's end."""
    until("every run has ended", lambda: all(run["end_time"] for run in every(site, "flow_runs")))
    until("each run's last words have arrived", lambda: all_said(site))
    until("nothing more arrives", lambda: quiet(site))


def all_said(site: SiteUnderTest) -> bool:
    said = {
        (line["flow_run_id"], line["name"])
        for line in every(site, "logs")
        if line["message"].endswith(LAST_WORDS.get(line["name"], ()))
    }
    completed = [run["id"] for run in every(site, "flow_runs") if run["state_name"] == "Completed"]
    return said >= set(itertools.product(completed, LAST_WORDS))


def quiet(site: SiteUnderTest) -> bool:
    before = len(every(site, "logs"))
    time.sleep(QUIET_SECONDS)
    return len(every(site, "logs")) == before


@contextmanager
def override(site: SiteUnderTest, component: str, content: str) -> Iterator[None]:
    """A user's compose.override.yaml, in force for the block."""
    path = site.root / component / "compose.override.yaml"
    path.write_text(content)
    try:
        site.compose(component, "up", "--detach", "--wait")
        yield
    finally:
        path.unlink()
        site.compose(component, "up", "--detach", "--wait", check=False)


def shell(folder: Path, command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A line of shell as a page of the project gives it, typed in a folder."""
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
    )


def start(site: SiteUnderTest, deployment: str, **body: Any) -> str:
    """A run of FLOW/DEPLOYMENT that is due; its id. `body` is `parameters`, `job_variables` and the like."""
    with api(site) as client:
        identity = client.get(f"/deployments/name/{deployment}").raise_for_status().json()["id"]
        given = {"state": {"type": "SCHEDULED"}} | body
        answer = client.post(f"/deployments/{identity}/create_flow_run", json=given)
        return str(answer.raise_for_status().json()["id"])


def state(site: SiteUnderTest, run: str) -> dict[str, Any]:
    """The state of a run as it is now."""
    with api(site) as client:
        return dict(client.get(f"/flow_runs/{run}").raise_for_status().json()["state"])


def crashes(site: SiteUnderTest, run: str) -> list[str]:
    """What its states Crashed say, the first one first."""
    with api(site) as client:
        found = client.get("/flow_run_states/", params={"flow_run_id": run}).raise_for_status().json()
    return [one["message"] for one in sorted(found, key=lambda one: one["timestamp"]) if one["type"] == "CRASHED"]


def ended(site: SiteUnderTest, *runs: str) -> list[dict[str, Any]]:
    """The states of the runs, in the order given, once all have ended."""
    found: dict[str, dict[str, Any]] = {}

    def all_ended() -> bool:
        found.update((run["id"], run["state"]) for run in all_runs(site, flow_runs={"id": {"any_": runs}}))
        return all(found[run]["type"] in FINAL for run in runs)

    until("all runs end", all_ended, pause=SOON_SECONDS)
    return [found[run] for run in runs]


def moment(told: str) -> float:
    """A time of the API, in seconds since the epoch."""
    return datetime.fromisoformat(told).timestamp()
