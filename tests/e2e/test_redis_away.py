"""What a site outlives: Redis cut off for a while, and then back with another address."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from tests.e2e import running
from tests.sites import SiteUnderTest, docker

pytestmark = pytest.mark.engine

# Prefect's own settings needed some 25 s to notice a lost Redis, and then 30 MB more a second.
SHORT_SECONDS, LONG_SECONDS = 45, 180
GROWTH = 300 * 2**20  # bytes; what a busy process may take more than one at rest
ON_REDIS = ("server", "services")
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
FORM = "{{.MemUsage}}"


def memory(site: SiteUnderTest, name: str) -> float:
    """Bytes that a service's only container has now."""
    (container,) = running.service(site, name)
    used = docker("stats", "--no-stream", f"--format={FORM}", container["Id"]).partition(" / ")[0].strip()
    number = used.rstrip("BKMGi")
    return float(number) * UNITS[used.removeprefix(number)]


def addresses(site: SiteUnderTest, network: str) -> set[str]:
    found = json.loads(docker("network", "inspect", network))[0]["Containers"]
    return {one["IPv4Address"] for one in found.values()}


@contextmanager
def redis_cut_off(site: SiteUnderTest) -> Iterator[None]:
    """Redis without its network in the block, and back with another address: another container has the old one."""
    (redis,) = running.service(site, "redis")
    (network,) = redis["NetworkSettings"]["Networks"]
    place = f"{site.name}-place"
    before = addresses(site, network)
    docker("network", "disconnect", network, redis["Id"])
    try:
        labels = [f"--label={name}={value}" for name, value in redis["Config"]["Labels"].items() if "site" in name]
        command = ["--entrypoint=sleep", redis["Image"], "86400"]
        docker("run", "--detach", f"--name={place}", f"--network={network}", *labels, *command)
        yield
    finally:
        docker("network", "connect", "--alias=redis", network, redis["Id"])
        assert addresses(site, network) - before, "Redis has its old address"
        docker("rm", "--force", place)


def event_arrives(site: SiteUnderTest) -> bool:
    """An event that is sent now is found: it goes by Redis and by `services` into the database."""
    identity, now = str(uuid.uuid4()), datetime.now(UTC).isoformat()
    resource = {"prefect.resource.id": f"test.{identity}"}
    event = {"id": identity, "occurred": now, "event": "test.event", "resource": resource, "payload": {}}
    with running.api(site) as client:
        if client.post("/events", json=[event]).status_code >= 300:
            return False
        time.sleep(running.QUIET_SECONDS)
        body = {"filter": {"occurred": {"since": now}, "id": {"id": [identity]}}}
        return bool(client.post("/events/filter", json=body).raise_for_status().json()["events"])


def restarts(site: SiteUnderTest) -> dict[str, int]:
    return {name: int(one["RestartCount"]) for name in ON_REDIS for one in running.service(site, name)}


@contextmanager
def asked_meanwhile(site: SiteUnderTest) -> Iterator[None]:
    """Work of the API that needs Redis, all the time: events, and limits of concurrency."""
    ends = False

    def ask() -> None:
        with httpx.Client(base_url=running.api_url(site), auth=running.login(site), timeout=5) as client:
            while not ends:
                try:
                    client.post("/flow_runs/filter", json={})
                    client.post("/events", json=[])
                except httpx.HTTPError:
                    pass  # without Redis the API may answer nothing
                time.sleep(running.SOON_SECONDS)

    with ThreadPoolExecutor(max_workers=4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            yield
        finally:
            ends = True
            for each in asking:
                each.result()


def check_redis_cut_off(site: SiteUnderTest, seconds: float) -> None:
    started = restarts(site)
    at_rest = {name: memory(site, name) for name in ON_REDIS}
    runs = [running.start(site, running.WEATHER) for _ in range(4)]
    seen = dict(at_rest)
    with redis_cut_off(site), asked_meanwhile(site):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            seen.update({name: max(seen[name], memory(site, name)) for name in ON_REDIS})
    assert {name: each - at_rest[name] < GROWTH for name, each in seen.items()} == dict.fromkeys(ON_REDIS, True), seen
    running.until("an event arrives", lambda: event_arrives(site))
    later = running.start(site, running.WEATHER)
    assert {one["type"] for one in running.ended(site, *runs, later)} == {"COMPLETED"}
    running.until_healthy(site)
    assert restarts(site) == started, "a service was ended although it was not stuck"


def test_redis_may_be_away_for_a_while(site: SiteUnderTest) -> None:
    check_redis_cut_off(site, SHORT_SECONDS)


@pytest.mark.long
def test_redis_may_be_away_for_minutes(site: SiteUnderTest) -> None:
    check_redis_cut_off(site, LONG_SECONDS)
