"""Runs whose container, worker or engine is killed with SIGKILL come back, on each pool, and poison is given up."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import images
from tests import sites
from tests.e2e import running
from tests.e2e.recovery.victims import POOLS, Pool, Victims
from tests.sites import SiteUnderTest, docker

pytestmark = pytest.mark.engine

LONG_SECONDS = 900  # a machine may be busy with something else
COMPONENTS = ("server", *(pool.component.name for pool in POOLS), "client")
RESULTS = "/srv/site/results"
LINES = f"cd {RESULTS}/endure 2>/dev/null && grep -r . ."


@pytest.fixture(scope="module")
def site(site_images: None) -> Iterator[SiteUnderTest]:
    """A site of all pools, with the flow of these tests registered on each."""
    made = sites.make_site(COMPONENTS=" ".join(COMPONENTS))
    try:
        register_endure(made)
        done = made.render("up", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
    finally:
        made.render("down", check=False)
        made.remove()


def register_endure(site: SiteUnderTest) -> None:
    shutil.copy(Path(__file__).with_name("endure.py"), site.root / "client" / "flows")
    step = {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $SITE_HOME }}"}}
    entries = [
        {"name": pool.deployment, "entrypoint": "flows/endure.py:endure", "work_pool": {"name": pool.name}}
        for pool in POOLS
    ]
    content = yaml.safe_dump({"pull": [step], "deployments": entries})
    (site.root / "client" / "deployments" / "endure.yaml").write_text(content)


def begin(site: SiteUnderTest, pool: Pool, count: int, **parameters: Any) -> list[str]:
    """New runs of the flow on a pool."""
    with running.api(site) as client:
        found = client.get(f"/deployments/name/endure/{pool.deployment}").raise_for_status().json()
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        made = (client.post(f"/deployments/{found['id']}/create_flow_run", json=body) for _ in range(count))
        return [str(answer.raise_for_status().json()["id"]) for answer in made]


def look(site: SiteUnderTest, runs: list[str]) -> dict[str, dict[str, Any]]:
    return {run["id"]: run for run in running.all_runs(site, flow_runs={"id": {"any_": runs}}, limit=200)}


def lines(site: SiteUnderTest, run: str) -> list[str]:
    """What the attempts of a run have left."""
    image = images.reference("prefect", sites.REPO, {})
    volume = f"{site.name}-results:{RESULTS}:ro"
    done = docker("run", "--rm", "--volume", volume, image, "sh", "-c", LINES)
    return [line.partition(":")[2] for line in done.splitlines() if line.startswith(f"./{run}:")]


def states(site: SiteUnderTest, run: str) -> list[dict[str, Any]]:
    with running.api(site) as client:
        found = client.get("/flow_run_states/", params={"flow_run_id": run}).raise_for_status().json()
    return sorted(found, key=lambda state: str(state["timestamp"]))


def until(site: SiteUnderTest, runs: list[str], what: str, condition: Callable[[dict[str, Any]], bool]) -> None:
    """Returns once the condition holds for each of the runs."""
    deadline = time.monotonic() + LONG_SECONDS
    while left := [run for run in look(site, runs).values() if not condition(run)]:
        told = [(run["id"], run["state_name"], run["state"]["message"]) for run in left]
        assert time.monotonic() < deadline, f"{what}: {told}"
        time.sleep(1)


def is_over(run: dict[str, Any]) -> bool:
    """Ended, and not one that crashed and waits for the recovery."""
    return run["state_type"] in ("COMPLETED", "FAILED", "CANCELLED") or "MAX_CRASH_RETRIES" in str(
        run["state"]["message"]
    )


def test_killed_runs_of_every_pool_come_back_and_leave_one_effect_per_attempt(site: SiteUnderTest) -> None:
    every = {pool.name: begin(site, pool, pool.runs) for pool in POOLS}
    all_runs = [run for runs in every.values() for run in runs]
    killed: dict[str, float] = {}
    for pool in POOLS:
        victims = Victims(site, pool)
        until_running(site, every[pool.name], 2)
        first = next(run for run, seen in look(site, every[pool.name]).items() if seen["state_name"] == "Running")
        victims.kill_run(first)
        killed[first] = time.time()
        with_worker = victims.kill_workers()
        now = [run for run, seen in look(site, every[pool.name]).items() if seen["state_name"] == "Running"]
        killed |= dict.fromkeys(with_worker | set(now), time.time())
        print(pool.name, "killed", len(killed), first, with_worker)
    until(site, all_runs, "every run is over", is_over)
    seen = look(site, all_runs)
    for pool in POOLS:
        for run in every[pool.name]:
            took = (
                (running.moment(seen[run]["end_time"]) - killed[run])
                if run in killed and seen[run]["end_time"]
                else None
            )
            print(
                pool.name,
                run,
                seen[run]["state_name"],
                seen[run]["run_count"],
                took,
                lines(site, run),
                [(s["name"], s["message"]) for s in states(site, run) if s["type"] == "CRASHED"],
            )
    assert {run["state_name"] for run in seen.values()} == {"Completed"}


def until_running(site: SiteUnderTest, runs: list[str], count: int) -> None:
    running.until(
        f"{count} runs are Running",
        lambda: sum(run["state_name"] == "Running" for run in look(site, runs).values()) >= count,
        LONG_SECONDS,
    )
