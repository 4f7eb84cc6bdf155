"""Runs that ended longer ago than SERVER_RETENTION_DAYS are deleted, with their logs and artifacts; others stay."""

import pytest

from tests.e2e import running
from tests.sites import SiteUnderTest

pytestmark = pytest.mark.engine

DAYS = 90  # the setting's default
# The next deletion is scheduled an hour ahead, in Redis: a setting changes only the one after.
FORGET = 'REDISCLI_AUTH="$(cat /run/secrets/PREFECT_REDIS_MESSAGING_PASSWORD)" redis-cli flushall'
EAGER = """
services:
  services:
    environment: {PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS: "2"}
"""


def sql(site: SiteUnderTest, statement: str) -> str:
    command = (
        "psql",
        "--username=prefect",
        "--dbname=prefect",
        "--no-align",
        "--tuples-only",
        f"--command={statement}",
    )
    return site.compose("server", "exec", "--no-TTY", "postgres", *command).stdout.strip()


def age(site: SiteUnderTest, run: str, days: int) -> None:
    sql(site, f"update flow_run set end_time = now() - interval '{days} days' where id = '{run}'")  # noqa: S608


def count(site: SiteUnderTest, table: str, run: str) -> int:
    return int(sql(site, f"select count(*) from {table} where flow_run_id = '{run}'"))  # noqa: S608


def test_the_api_says_what_is_kept(site: SiteUnderTest) -> None:
    with running.api(site) as client:
        vacuum = client.get("/admin/settings").raise_for_status().json()["server"]["services"]["db_vacuum"]
    assert vacuum["retention_period"] in (DAYS * 86400, f"P{DAYS}D")
    assert sorted(vacuum["enabled"]) == ["events", "flow_runs"]


@pytest.mark.long
def test_an_old_run_is_deleted_and_a_younger_one_stays(site: SiteUnderTest) -> None:
    running.run_weather(site, "--count", "2")
    old, young = (run["id"] for run in running.all_runs(site, sort="END_TIME_DESC", limit=2))
    running.until_settled(site)  # a line that came after its run was deleted would stay
    assert all(count(site, table, run) for table in ("log", "artifact") for run in (old, young))
    age(site, old, DAYS + 1)
    age(site, young, DAYS - 1)
    site.compose("server", "stop", "server", "services")
    site.compose("server", "exec", "--no-TTY", "redis", "sh", "-c", FORGET)
    with running.override(site, "server", EAGER):
        running.until("the old run is gone", lambda: not running.all_runs(site, flow_runs={"id": {"any_": [old]}}))
        running.until("its logs and artifacts too", lambda: not count(site, "log", old) + count(site, "artifact", old))
    assert running.all_runs(site, flow_runs={"id": {"any_": [young]}})
    assert count(site, "log", young)
    assert count(site, "artifact", young)
