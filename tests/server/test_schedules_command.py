"""`render.py schedules` says when a real server makes the runs, through both changes of the clocks in a year."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from registrar.timing import zone

from stack.cli import main
from tests.server.conftest import Folder, Server

DAYS = 400
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
# By slug; each in every zone. Frequent ones are left to the unit tests: each of their runs is a line.
KINDS = {
    "cron": 'cron: "30 2 * * *"',
    "night": 'cron: "0 0-4/2 * * *"',
    "rule": "rrule: FREQ=DAILY;BYHOUR=1;BYMINUTE=45;BYSECOND=0",
    "days": 'interval: P1D, anchor_date: "2026-11-20T01:50:00"',
    "hours": 'interval: PT6H, anchor_date: "2026-11-20T09:00:00"',
    "hourly": 'cron: "0 */3 * * *"',
}
FLOW = """
from prefect import flow


@flow
def weather() -> None:
    pass
"""
LINE = re.compile(r"  \w{3} (?P<here>\S+ \S+ [+-]\d{4})  (?P<utc>\S+ \S+)Z(?P<mark>  clocks .*)?")


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with each kind of schedule in each zone, registered."""
    root = tmp_path_factory.mktemp("site")
    entries = [
        f"  - {{slug: {kind}-{name.partition('/')[2]}, {words}, timezone: {name}}}"
        for name in ZONES
        for kind, words in KINDS.items()
    ]
    (root / "schedules.yml").write_text("weather:\n" + "\n".join(entries), encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    (root / "client/flows/weather.py").write_text(FLOW, encoding="utf-8")
    done = Folder(root / "client", server).register("registration.yaml", SITE_HOME=str(root / "srv"))
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_times_printed_are_those_that_a_server_makes_on_nights_of_clock_changes(
    site: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    assert main(["schedules", "--output", str(site), "--days", str(DAYS)]) == 0
    printed, marks = parsed(capsys.readouterr().out)
    deployment = server.api.get("/deployments/name/weather/weather").raise_for_status().json()
    names = {each["id"]: each["slug"] for each in deployment["schedules"]}
    nights = [(name, change) for name in ZONES for change in zone.next_changes(name, now)]
    assert len({change.is_gap for _, change in nights}) == 2
    for name, change in nights:
        town, since, until = name.partition("/")[2], change.at - timedelta(days=1), change.at + timedelta(days=2)
        made = asked(server, deployment["id"], since, until)
        for identity, slug in names.items():
            if slug.endswith(town):
                said = {time for time in printed[slug] if since <= time <= until}
                assert said, slug
                assert said == {time for schedule_id, time in made if schedule_id == identity}, (slug, change)
    assert {(slug.partition("-")[2], mark.split()[2]) for slug, mark in marks} == {
        (name.partition("/")[2], way) for name in ZONES for way in ("forward", "back")
    }


def parsed(output: str) -> tuple[dict[str, set[datetime]], set[tuple[str, str]]]:
    """The times of each schedule in UTC, and the marks; both columns are the same time."""
    printed: dict[str, set[datetime]] = {}
    marks: set[tuple[str, str]] = set()
    slug = ""
    for line in output.splitlines():
        if found := LINE.fullmatch(line):
            time = datetime.fromisoformat(f"{found['utc']}+00:00")
            assert datetime.strptime(found["here"], "%Y-%m-%d %H:%M:%S %z") == time
            printed[slug].add(time)
            marks |= {(slug, found["mark"])} if found["mark"] else set()
        elif not line.startswith("  "):
            slug = line.split()[1].rstrip(":")
            printed[slug] = set()
    return printed, marks


def asked(server: Server, deployment_id: str, since: datetime, until: datetime) -> set[tuple[str, datetime]]:
    """The runs that a server makes for these days, each with its schedule: by the code of its scheduler."""
    span = {"start_time": since.isoformat(), "end_time": until.isoformat(), "max_runs": 1000, "min_runs": 1000}
    server.api.post(f"/deployments/{deployment_id}/schedule", json=span, timeout=300).raise_for_status()
    only = {"expected_start_time": {"after_": since.isoformat(), "before_": until.isoformat()}}
    found: list[dict[str, Any]] = []
    while page := server.all(
        "flow_runs", deployments={"id": {"any_": [deployment_id]}}, flow_runs=only, limit=200, offset=len(found)
    ):
        found += page
    return {(run["created_by"]["id"], datetime.fromisoformat(run["expected_start_time"])) for run in found}
