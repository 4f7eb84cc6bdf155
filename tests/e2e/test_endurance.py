"""Runs whose container, worker or engine is killed with SIGKILL come back, on every pool; one that kills itself at each
attempt is given up. How long it takes is printed (`make test-long PYTEST_ARGS=-rP`), and decides nothing."""

import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.images import names
from tests import sites
from tests.e2e import running
from tests.e2e.engine_kinds import AGENT, DIND, DOCKER, PODMAN, Kind
from tests.e2e.victims import kill_run, kill_service, kill_worker
from tests.sites import SiteUnderTest, docker

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

NESTED = (DIND, PODMAN)
OUTER = (AGENT, DOCKER)
POOLS = (*NESTED, *OUTER)
RUNS, SECONDS, SOME = 20, 8.0, 2
FOLDER = "/srv/site/results/endure"
pools = pytest.mark.parametrize("kind", POOLS, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def site(engines_site: SiteUnderTest) -> SiteUnderTest:
    """The site of all pools, with the flow of this file registered on each."""
    client = engines_site.root / "client"
    shutil.copy(Path(__file__).with_name("endure.py"), client / "flows")
    step = {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $SITE_HOME }}"}}
    entries = [
        {"name": kind.name, "entrypoint": "flows/endure.py:endure", "work_pool": {"name": kind.pool}} for kind in POOLS
    ]
    (client / "deployments/endure.yaml").write_text(yaml.safe_dump({"pull": [step], "deployments": entries}))
    engines_site.compose("client", "run", "--rm", "--no-TTY", "client")
    return engines_site


def begin(site: SiteUnderTest, kind: Kind, **more: Any) -> str:
    return running.start(site, f"endure/{kind.name}", parameters={"seconds": SECONDS, **more})


def look(site: SiteUnderTest, runs: list[str]) -> list[dict[str, Any]]:
    """The runs as they are now, in the order given."""
    found = {run["id"]: run for run in running.all_runs(site, flow_runs={"id": {"any_": runs}})}
    return [found[run] for run in runs]


def in_state(site: SiteUnderTest, runs: list[str], name: str) -> list[str]:
    return [run["id"] for run in look(site, runs) if run["state_name"] == name]


@dataclass
class Killed:
    """The runs of one pool: those that were Running when their worker was killed with them, at `moment`, and the one
    whose container was killed at `later`, beside a living worker."""

    runs: list[str]
    moment: float = 0
    with_worker: list[str] = field(default_factory=list)
    later: float = 0
    alone: str = ""


@pytest.fixture(scope="module")
def killed(site: SiteUnderTest) -> dict[str, Killed]:
    """By the kind of the pool; one after the other, because the report is how long one takes."""
    return {kind.name: kill_in_the_middle(site, kind) for kind in POOLS}


def is_halfway(runs: list[dict[str, Any]]) -> bool:
    """Whether half of the runs have begun, and some are at work."""
    begun = [run["state_name"] for run in runs if run["run_count"]]
    return len(begun) >= RUNS // 2 and begun.count("Running") >= SOME


def kill_in_the_middle(site: SiteUnderTest, kind: Kind) -> Killed:
    killed = Killed([begin(site, kind) for _ in range(RUNS)])
    running.until("half of them have begun", lambda: is_halfway(look(site, killed.runs)))
    kill_worker(site, kind)
    killed.moment = time.time()
    killed.with_worker = in_state(site, killed.runs, "Running")  # so their last word was

    def goes_on() -> str:
        others = [run for run in in_state(site, killed.runs, "Running") if run not in killed.with_worker]
        killed.alone = next(iter(others), "")
        return killed.alone

    running.until("the worker goes on with others", goes_on)
    killed.later = time.time()
    kill_run(site, kind, killed.alone)
    every = killed.runs
    running.until("all are Completed", lambda: in_state(site, every, "Completed") == every)
    return killed


@pytest.fixture(scope="module")
def poison(site: SiteUnderTest, killed: dict[str, Killed]) -> dict[str, str]:
    """By the kind of the pool, a run that kills itself; begun when the tests kill no other runs any more."""
    return {kind.name: begin(site, kind, poison=True) for kind in OUTER}


@pytest.fixture(scope="module")
def without_engine(site: SiteUnderTest, killed: dict[str, Killed], poison: dict[str, str]) -> Killed:
    """A run on each engine that is in a container, Running when that was killed."""
    one = Killed([begin(site, kind, seconds=60.0) for kind in NESTED])
    running.until("both are Running", lambda: in_state(site, one.runs, "Running") == one.runs)
    for kind in NESTED:
        kill_service(site, kind, kind.service)
    one.moment = time.time()
    return one


@pytest.fixture(scope="module")
def left(
    site: SiteUnderTest, killed: dict[str, Killed], poison: dict[str, str], without_engine: Killed
) -> dict[str, list[str]]:
    """What the attempts of each run left, once all are over."""
    every = [run for one in (*killed.values(), without_engine) for run in one.runs]
    running.until("all runs are Completed", lambda: in_state(site, every, "Completed") == every)
    running.until("poison is given up", lambda: all(is_given_up(site, run) for run in poison.values()))
    mount = f"--volume={site.name}-results:/srv/site/results:ro"
    image = names.reference("prefect", sites.REPO)
    done = docker("run", "--rm", mount, image, "sh", "-c", f"cd {FOLDER} && grep . *")
    lines = [line.partition(":") for line in done.splitlines()]
    return {run: [line for name, _, line in lines if name == run] for run in [*every, *poison.values()]}


def is_given_up(site: SiteUnderTest, run: str) -> bool:
    return "MAX_CRASH_RETRIES" in str(running.state(site, run)["message"])


@pools
def test_killed_runs_come_back_and_leave_each_effect_once_per_attempt(
    site: SiteUnderTest, killed: dict[str, Killed], left: dict[str, list[str]], kind: Kind
) -> None:
    one = killed[kind.name]
    seen = {run["id"]: run for run in look(site, one.runs)}
    told_by(kind, one, seen)
    for run in one.runs:
        attempts = seen[run]["run_count"]
        assert left[run][-1] == f"{attempts} ended", left[run]
        assert max(Counter(left[run]).values()) == 1, left[run]
        assert [int(line.split()[0]) for line in left[run]] == sorted(int(line.split()[0]) for line in left[run])
    assert left[one.alone][-1] == "2 ended"
    assert [run for run in one.with_worker if "No heartbeat for" in "".join(running.crashes(site, run))]


def told_by(kind: Kind, one: Killed, seen: dict[str, dict[str, Any]]) -> None:
    last = max(running.moment(run["end_time"]) for run in seen.values())
    alone = running.moment(seen[one.alone]["end_time"]) - one.later
    counts = dict(Counter(run["run_count"] for run in seen.values()))
    print(f"\n{kind.name}: killed with its worker {len(one.with_worker)}; last of {RUNS} Completed after", end=" ")
    print(f"{last - one.moment:.0f} s, the one killed alone after {alone:.0f} s; attempts {counts}")


@pytest.mark.parametrize("kind", OUTER, ids=lambda kind: kind.name)
def test_a_run_that_kills_itself_at_each_attempt_is_given_up(
    site: SiteUnderTest, poison: dict[str, str], left: dict[str, list[str]], kind: Kind
) -> None:
    run = poison[kind.name]
    assert left[run] == ["1 begun", "2 begun", "3 begun"]
    assert running.state(site, run)["type"] == "CRASHED"
    last = running.crashes(site, run)[-1]
    assert last.startswith("Crashed 3 times and is not run again (MAX_CRASH_RETRIES=2). The last time: ")


def test_runs_whose_engine_was_killed_come_back(
    site: SiteUnderTest, without_engine: Killed, left: dict[str, list[str]]
) -> None:
    for kind, run in zip(NESTED, look(site, without_engine.runs), strict=True):
        seconds = running.moment(run["end_time"]) - without_engine.moment
        print(f"\n{kind.name}: its engine killed, Completed after {seconds:.0f} s: {running.crashes(site, run['id'])}")
        assert left[run["id"]][-1] == "2 ended"
