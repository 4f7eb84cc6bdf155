"""What a site outlives: a server that is away longer than a worker has patience, and a database that is late."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e import running
from tests.sites import SiteUnderTest, docker

pytestmark = pytest.mark.engine

# As it is rendered a worker asks on for about a quarter of an hour; with these it gives up after half a minute.
IMPATIENT = """
services:
  worker:
    environment: {PREFECT_WORKER_QUERY_SECONDS: "0.2", PREFECT_CLIENT_MAX_RETRIES: "0"}
"""
PAUSE_SECONDS = 14  # longer than the 10 s after which Prefect's own default gives a query up


def restarts(site: SiteUnderTest) -> int:
    return sum(int(one["RestartCount"]) for one in running.service(site, "worker"))


@pytest.mark.long
def test_a_worker_that_gave_up_is_started_again_until_the_server_is_back(site: SiteUnderTest) -> None:
    with running.override(site, "agent", IMPATIENT):
        assert restarts(site) == 0
        site.compose("server", "stop", "server")
        try:
            running.until("the worker has ended and was started again", lambda: restarts(site) > 0)
        finally:
            site.compose("server", "up", "--detach", "--wait")
        assert running.run_weather(site).stdout.splitlines()[-1] == "1 Completed"


def test_a_late_database_is_waited_for(site: SiteUnderTest) -> None:
    (database,) = running.service(site, "postgres")
    # Once: a client that asks again would hide that the server gave up.
    url, login = f"{running.api_url(site)}/flow_runs/filter", running.login(site)
    with ThreadPoolExecutor(max_workers=1) as pool, paused(site, database["Id"]):
        answer = pool.submit(httpx.post, url, json={}, auth=login, timeout=10 * PAUSE_SECONDS)
        done, _ = wait([answer], timeout=PAUSE_SECONDS)
        assert not done, f"answered without its database: {answer.result()}"
        docker("unpause", database["Id"])
        assert answer.result().status_code == 200


@contextmanager
def paused(site: SiteUnderTest, container: str) -> Iterator[None]:
    """A container that does nothing, but for what the test itself lets it do; healthy again afterwards."""
    docker("pause", container)
    try:
        assert docker("inspect", "--format={{.State.Status}}", container).strip() == "paused"
        yield
    finally:
        if docker("inspect", "--format={{.State.Status}}", container).strip() == "paused":
            docker("unpause", container)
        # An engine calls a container that was paused unhealthy up to its next check; Compose starts nothing beside it.
        running.until_healthy(site)
