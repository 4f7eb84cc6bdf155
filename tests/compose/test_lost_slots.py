"""Slots of concurrency limits whose leases are gone, in a real PostgreSQL with a real Redis."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import psycopg
import pytest
import redis

from stack.components.server import OVERFLOW_CONNECTIONS, POOL_CONNECTIONS
from stack.core.repo import REPO
from tests.compose.test_logins import Databases, until
from tests.conftest import SiteFactory

pytestmark = pytest.mark.engine


def environment(databases: Databases) -> dict[str, str]:
    """What a part of the server has, on this machine."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return ours | {
        "PREFECT_SERVER_DATABASE_DRIVER": "postgresql+asyncpg",
        "PREFECT_SERVER_DATABASE_HOST": "127.0.0.1",
        "PREFECT_SERVER_DATABASE_PORT": str(databases.postgres_port),
        "PREFECT_SERVER_DATABASE_NAME": "prefect",
        "PREFECT_SERVER_DATABASE_USER": "prefect",
        "PREFECT_SERVER_DATABASE_PASSWORD": "one",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(databases.redis_port),
        "PREFECT_REDIS_MESSAGING_PASSWORD": "eno",
        "PREFECT_HOME": str(databases.site.root / "home"),
        "PYTHONPATH": os.pathsep.join((str(REPO), str(REPO / "server"))),
    }


def all_processes_log_in_as_often_as_they_may(databases: Databases, processes: int) -> None:
    """One more connection than PostgreSQL accepts would be refused: `too many clients already`."""
    with ExitStack() as stack:
        for _ in range(processes * (POOL_CONNECTIONS + OVERFLOW_CONNECTIONS)):
            stack.enter_context(databases.connection("one"))
        assert databases.user("one") == "('prefect',)"


def test_slots_without_a_lease_are_freed_and_no_others_while_fifty_runs_take_some(
    site_factory: SiteFactory, site_images: None
) -> None:
    databases = Databases(site_factory(SERVER_WORKERS=8))
    databases.start_anew("one")
    until(lambda: databases.user("one"), psycopg.Error)
    all_processes_log_in_as_often_as_they_may(databases, 8 + 1)
    until(databases.redis("eno").ping, redis.RedisError)
    command = [sys.executable, "-m", "tests.compose.slots_trial"]
    done = subprocess.run(command, env=environment(databases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    lost = {"lost": 0, "switched-off": 0, "rate": 1}
    assert seen == {
        "before": {"lost": 2, "partly": 3, "busy": 0, "switched-off": 1, "rate": 1},
        "all hold one": lost | {"partly": 2, "busy": 50},
        "given back": lost | {"partly": 0, "busy": 0},
    }
