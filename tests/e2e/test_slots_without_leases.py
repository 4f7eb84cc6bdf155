"""A site whose Redis loses its data: what runs had taken of a concurrency limit comes back by itself."""

import pytest

from tests.e2e import running
from tests.sites import SiteUnderTest

pytestmark = [pytest.mark.engine, pytest.mark.long]

# Leases of half a minute, so that two of them are waited for here and not two of five minutes.
EAGER = """
services:
  services:
    environment: {PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION: "30"}
"""
NAME = "lost"
FLUSH = 'REDISCLI_AUTH="$(cat /run/secrets/PREFECT_REDIS_MESSAGING_PASSWORD)" redis-cli flushall'
LIMITS = "/v2/concurrency_limits"


def take(site: SiteUnderTest) -> None:
    with running.api(site) as client:
        answer = client.post(f"{LIMITS}/increment-with-lease", json={"names": [NAME], "slots": 2})
        answer.raise_for_status()


def taken(site: SiteUnderTest) -> int:
    with running.api(site) as client:
        return int(client.get(f"{LIMITS}/{NAME}").raise_for_status().json()["active_slots"])


def test_a_site_frees_the_slots_whose_leases_redis_lost(site: SiteUnderTest) -> None:
    with running.override(site, "server", EAGER):
        with running.api(site) as client:
            client.post(f"{LIMITS}/", json={"name": NAME, "limit": 2}).raise_for_status()
        try:
            take(site)
            site.compose("server", "exec", "-T", "redis", "sh", "-c", FLUSH)
            assert taken(site) == 2
            running.until("the slots are free", lambda: taken(site) == 0)
            take(site)
        finally:
            with running.api(site) as client:
                client.delete(f"{LIMITS}/{NAME}")
        assert "of the slots of the concurrency limit 'lost'" in site.compose("server", "logs", "services").stdout
    assert running.run_weather(site).stdout.splitlines()[-1] == "1 Completed"
