"""Runs whose process, container, worker or engine is killed with SIGKILL come back, on each pool; poison is given up.

All of it happens at the same time on one site, since most of the time is spent waiting for heartbeats that do not come.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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

LONG_SECONDS = 1500  # a machine may be busy with something else
RETRIES = 2
RESULTS = "/srv/site/results"
LEFT = (
    "import glob, json, os; "
    f"print(json.dumps({{os.path.basename(f): open(f).read().splitlines() for f in glob.glob('{RESULTS}/endure/*')}}))"
)
POISON, TAKEN = "poison", "taken by a worker that died"


@dataclass
class Aftermath:
    """What became of the runs: those of each pool, with the times of the kills, and two kinds by themselves."""

    site: SiteUnderTest
    runs: dict[str, list[str]] = field(default_factory=dict)
    killed: dict[str, float] = field(default_factory=dict)
    poison: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)

    def every(self) -> list[str]:
        more = (*self.poison.values(), *self.pending.values())
        return [*(run for runs in self.runs.values() for run in runs), *more]

    def crashes(self, run: str) -> list[str]:
        """The messages of its states Crashed, the first one first."""
        with running.api(self.site) as client:
            states = client.get("/flow_run_states/", params={"flow_run_id": run}).raise_for_status().json()
        states.sort(key=lambda state: str(state["timestamp"]))
        return [str(state["message"]) for state in states if state["type"] == "CRASHED"]


@pytest.fixture(scope="module")
def site(site_images: None) -> Iterator[SiteUnderTest]:
    """A site of all pools, with the flow of these tests registered on each."""
    components = " ".join(("server", *(pool.component.name for pool in POOLS), "client"))
    made = sites.make_site(COMPONENTS=components, MAX_CRASH_RETRIES=RETRIES)
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


@pytest.fixture(scope="module")
def aftermath(site: SiteUnderTest) -> Aftermath:
    """Everything killed on every pool, and every run over."""
    made = Aftermath(site)
    for pool in POOLS:
        made.runs[pool.name] = begin(site, pool, pool.runs)
        kill_in_the_middle(made, Victims(site, pool))
    for pool in POOLS:
        made.poison[pool.name] = begin(site, pool, 1, poison=True)[0]
        if Victims(site, pool).is_proxied:
            made.pending[pool.name] = left_pending(site, Victims(site, pool))
    until(site, made.every(), "every run is over", is_over)
    made.seen, made.left = look(site, made.every()), left(site)
    return made


def kill_in_the_middle(made: Aftermath, victims: Victims) -> None:
    """A run; then the workers with all that they have running; then the engine, where it is the pool's own."""
    runs = made.runs[victims.pool.name]
    (first, *_) = active(made.site, runs, 2)
    victims.kill_run(first)
    made.killed[first] = time.time()
    others = [run for run in active(made.site, runs, 1) if run != first]
    victims.kill_workers()
    made.killed |= dict.fromkeys(others, time.time())
    if victims.has_own_engine:
        others = [run for run in active(made.site, runs, 1) if run not in made.killed]
        victims.kill_engine()
        made.killed |= dict.fromkeys(others, time.time())


def left_pending(site: SiteUnderTest, victims: Victims) -> str:
    """A run whose worker is killed while it waits for the answer of its engine: no container was made."""
    with victims.silent_engine():
        run = begin(site, victims.pool, 1)[0]
        until(site, [run], "a worker has taken the run", lambda seen: seen["state_name"] == "Submitting")
        victims.kill_workers()
    return run


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_every_run_completes_and_leaves_one_effect_for_each_of_its_attempts(aftermath: Aftermath, pool: Pool) -> None:
    runs = aftermath.runs[pool.name]
    killed = [run for run in runs if run in aftermath.killed]
    assert len(killed) >= 2
    took = [round(running.moment(aftermath.seen[run]["end_time"]) - aftermath.killed[run]) for run in killed]
    print(f"{pool.name}: {len(killed)} of {len(runs)} runs were killed, and Completed {sorted(took)} s later")
    for run in runs:
        seen, attempts = aftermath.seen[run], aftermath.seen[run]["run_count"]
        assert seen["state_name"] == "Completed", aftermath.crashes(run)
        begun = [f"begun {number}" for number in range(1, attempts + 1)]
        assert aftermath.left[run] == [*begun, f"ended {attempts}"]
        assert attempts <= 1 + RETRIES


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_a_run_that_kills_itself_every_time_is_given_up_and_says_why(aftermath: Aftermath, pool: Pool) -> None:
    run = aftermath.poison[pool.name]
    seen, crashes = aftermath.seen[run], aftermath.crashes(run)
    assert (seen["state_name"], seen["run_count"]) == ("Crashed", 1 + RETRIES)
    assert aftermath.left[run] == [f"begun {number}" for number in range(1, 2 + RETRIES)]
    told = f"Crashed {1 + RETRIES} times and is not run again (MAX_CRASH_RETRIES={RETRIES}). The last time: "
    assert crashes[-1] == told + crashes[-2]


def test_a_run_that_a_dead_worker_had_taken_is_started_once(aftermath: Aftermath) -> None:
    assert aftermath.pending
    for run in aftermath.pending.values():
        assert aftermath.left[run] == ["begun 1", "ended 1"]
        assert aftermath.crashes(run)[0].endswith(" was killed, or cannot reach the API any more, before the run began")


def begin(site: SiteUnderTest, pool: Pool, count: int, **parameters: Any) -> list[str]:
    """New runs of the flow on a pool."""
    with running.api(site) as client:
        found = client.get(f"/deployments/name/endure/{pool.deployment}").raise_for_status().json()
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        made = (client.post(f"/deployments/{found['id']}/create_flow_run", json=body) for _ in range(count))
        return [str(answer.raise_for_status().json()["id"]) for answer in made]


def look(site: SiteUnderTest, runs: list[str]) -> dict[str, dict[str, Any]]:
    return {run["id"]: run for run in running.all_runs(site, flow_runs={"id": {"any_": runs}}, limit=200)}


def active(site: SiteUnderTest, runs: list[str], count: int) -> list[str]:
    """Those that run, as soon as there are so many."""
    found: list[str] = []

    def enough() -> bool:
        found[:] = [run for run, seen in look(site, runs).items() if seen["state_name"] == "Running"]
        return len(found) >= count

    running.until(f"{count} runs are Running", enough, LONG_SECONDS)
    return found


def left(site: SiteUnderTest) -> dict[str, list[str]]:
    """The lines that each run has left."""
    volume = f"{site.name}-results:{RESULTS}:ro"
    image = images.reference("prefect", sites.REPO, {})
    return dict(json.loads(docker("run", "--rm", "--volume", volume, image, "python", "-c", LEFT)))


def until(site: SiteUnderTest, runs: list[str], what: str, condition: Callable[[dict[str, Any]], bool]) -> None:
    """Returns once the condition holds for each of the runs."""
    deadline = time.monotonic() + LONG_SECONDS
    while others := [run for run in look(site, runs).values() if not condition(run)]:
        told = [(run["id"], run["state_name"], run["state"]["message"]) for run in others]
        assert time.monotonic() < deadline, f"{what}: {told}"
        time.sleep(1)


def is_over(run: dict[str, Any]) -> bool:
    """Ended, and not one that crashed and will be looked at by the recovery."""
    if run["state_type"] == "CRASHED":
        return "MAX_CRASH_RETRIES" in str(run["state"]["message"])
    return run["state_type"] in ("COMPLETED", "FAILED", "CANCELLED")
