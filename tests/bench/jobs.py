"""`jobs`: how long a flow run waits until it is Running, and ten runs until they are over, on each kind of worker.

ours    the site's pool and worker as they are rendered
stock   the same server, image and flow, with Prefect's own worker, pool and command, and their defaults
floor   Prefect imported where runs are, and nothing else; for ten, ten of these at once

The flow does nothing. One run waits from its creation to its state Running, by the times that the server has. A worker
asks for runs at intervals, so runs are made after a pause of any length up to the longer of these.
"""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import httpx

from tests import sites
from tests.bench.kinds import KINDS, image, words
from tests.bench.measuring import Reach, Ways, interleaved, report
from tests.bench.places import site
from tests.e2e import running
from tests.sites import SiteUnderTest

ROUNDS, ROUNDS_OF_TEN = 9, 3
STOCK_QUERY_SECONDS = 10  # Prefect's default
LOGIN = "PREFECT_API_AUTH_STRING"
MANY = 10
CODE = "from prefect import flow\n\n\n@flow\ndef nothing() -> None:\n    pass\n"
PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/site"}}]
END_SECONDS = 900
POLL_SECONDS = 0.5


def jobs(rounds: int, kinds: list[str]) -> None:
    with brought_up(kinds) as made:
        for name in kinds:
            measure(made, name, rounds)


@contextmanager
def brought_up(kinds: list[str]) -> Iterator[SiteUnderTest]:
    """A site with these kinds of workers, as `make up` leaves it, and with a flow that does nothing."""
    components = dict.fromkeys(KINDS[name].component for name in kinds)
    with site(COMPONENTS=" ".join(["server", *components, "client"])) as made:
        (made.root / "client/flows/nothing.py").write_text(CODE)
        done = made.render("up", check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        yield made


def measure(made: SiteUnderTest, name: str, rounds: int) -> None:
    kind = KINDS[name]
    ours = Runs(made, deployment(made, kind.pool, {}))
    stock = Runs(made, stock_deployment(made, name))
    floor = words(kind.floor, made)
    one: Ways = {"stock": stock.one, "ours": ours.one, "floor": partial(together, floor, 1)}
    ten: Ways = {"stock": stock.ten, "ours": ours.ten, "floor": partial(together, floor, MANY)}
    seconds = interleaved(one, rounds or ROUNDS)
    report(f"{name}: one run, created to Running", seconds, {"stock": kind.reach, "floor": Reach()})
    seconds = interleaved(ten, rounds or ROUNDS_OF_TEN)
    report(
        f"{name}: {MANY} runs queued at once, until all are over", seconds, {"stock": kind.reach_ten, "floor": Reach()}
    )


@dataclass(frozen=True)
class Runs:
    """Runs of a deployment, by its id."""

    site: SiteUnderTest
    deployment: str

    def one(self) -> float:
        """Seconds from the creation of a run to its state Running."""
        run = self._over(1)[0]
        return (moment(run["start_time"]) - moment(run["created"])).total_seconds()

    def ten(self) -> float:
        """Seconds from the creation of the first run to the end of the last."""
        runs = self._over(MANY)
        return (
            max(moment(run["end_time"]) for run in runs) - min(moment(run["created"]) for run in runs)
        ).total_seconds()

    def _over(self, count: int) -> list[dict[str, Any]]:
        """New runs that have come to their end. By then the server is done with what was measured before, too."""
        time.sleep(random.uniform(0, STOCK_QUERY_SECONDS))  # noqa: S311  # no secret
        with running.api(self.site) as client:
            path, body = f"/deployments/{self.deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}}
            ids = [client.post(path, json=body).raise_for_status().json()["id"] for _ in range(count)]
        deadline = time.monotonic() + END_SECONDS
        runs = self._read(ids)
        while not all(run["end_time"] for run in runs):
            if time.monotonic() > deadline:
                raise SystemExit(f"runs that are not over after {END_SECONDS} s: {states(runs)}")
            time.sleep(POLL_SECONDS)
            runs = self._read(ids)
        if states(runs) != {"Completed"}:
            raise SystemExit(f"runs that did not complete: {states(runs)}")
        return runs

    def _read(self, ids: list[str]) -> list[dict[str, Any]]:
        with suppress(httpx.TransportError):
            return running.all_runs(self.site, flow_runs={"id": {"any_": ids}})
        return [{"end_time": None, "state_name": "unknown"}]


def states(runs: list[dict[str, Any]]) -> set[str]:
    return {str(run["state_name"]) for run in runs}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def deployment(made: SiteUnderTest, pool: str, job_variables: dict[str, Any]) -> str:
    """The id of a new deployment of the flow on a pool."""
    with running.api(made) as client:
        flow = client.post("/flows/", json={"name": "nothing"}).raise_for_status().json()
        body = {
            "name": f"bench-{pool}",
            "flow_id": flow["id"],
            "entrypoint": "flows/nothing.py:nothing",
            "pull_steps": PULL,
            "work_pool_name": pool,
            "job_variables": job_variables,
        }
        return str(client.post("/deployments/", json=body).raise_for_status().json()["id"])


def stock_deployment(made: SiteUnderTest, name: str) -> str:
    """Starts Prefect's own worker, which makes a pool of its own, and deploys to it."""
    kind, pool = KINDS[name], f"stock-{name}"
    start = ["docker", "run", "--detach", f"--network={made.name}", *labels(made), *words(kind.stock_options, made)]
    settings = {"PREFECT_API_URL": words([kind.api], made)[0], LOGIN: made.env[LOGIN]}
    worker = ["prefect", "worker", "start", f"--pool={pool}", f"--type={kind.stock_type}"]
    subprocess.run(
        [*start, *(f"--env={name}" for name in settings), image(kind.stock_image), *worker],
        env=os.environ | settings,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    running.until(f"Prefect's own worker has made its pool {pool}", lambda: pool_exists(made, pool))
    job: dict[str, Any] = {
        variable: words([value], made)[0] if isinstance(value, str) else words(value, made)
        for variable, value in kind.stock_job.items()
    }
    return deployment(made, pool, job | {"labels": sites.LABELS | {"site": made.name}})


def pool_exists(made: SiteUnderTest, pool: str) -> bool:
    with running.api(made) as client:
        return client.get(f"/work_pools/{pool}").status_code == 200


def labels(made: SiteUnderTest) -> list[str]:
    """The options of `docker run` by which the site's end is the container's too."""
    return [f"--label={name}={value}" for name, value in (sites.LABELS | {"site": made.name}).items()]


def together(command: list[str], count: int) -> float:
    """Seconds until a command is over that was started this many times at once."""
    began = time.perf_counter()
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    statuses = [one.wait() for one in started]
    if any(statuses):
        raise SystemExit(f"{' '.join(command)}: failed")
    return time.perf_counter() - began
