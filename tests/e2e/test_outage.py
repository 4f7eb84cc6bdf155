"""What a site outlives: a server that is away longer than a worker has patience, and a database that is late."""

import threading

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
    docker("pause", database["Id"])
    end = threading.Timer(PAUSE_SECONDS, docker, ("unpause", database["Id"]))
    end.start()
    try:
        # Once: a client that asks again would hide that the server gave up.
        url, login = f"{running.api_url(site)}/flow_runs/filter", running.login(site)
        answer = httpx.post(url, json={}, auth=login, timeout=4 * PAUSE_SECONDS)
    finally:
        end.join()
        # An engine calls a container that was paused unhealthy up to its next check; Compose starts nothing beside it.
        running.until_healthy(site)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() > PAUSE_SECONDS / 2  # it was late
