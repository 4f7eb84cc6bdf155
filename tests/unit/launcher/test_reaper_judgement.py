"""What the reaper takes and what it leaves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reaper.flow_runs import FlowRun
from reaper.leftover import Leftover, reason_to_remove
from reaper.reaper_env import ReaperEnv, read_reaper_env
from site_service.errors import ServiceError
from site_service.rest import RestEnv

BEFORE = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO, JUST_NOW = BEFORE - timedelta(seconds=1), BEFORE + timedelta(seconds=1)
RUNNING = FlowRun("Running", None, 1)


def leftover(attempt: int | None = 1, idle_since: datetime | None = None) -> Leftover:
    return Leftover("container x", "id", attempt, idle_since)


@pytest.mark.parametrize("idle_since", [None, LONG_AGO, JUST_NOW])
@pytest.mark.parametrize("attempt", [None, 1])
def test_what_belongs_to_a_run_that_may_go_on_stays(attempt: int | None, idle_since: datetime | None) -> None:
    assert reason_to_remove(leftover(attempt, idle_since), RUNNING, BEFORE) == ""


@pytest.mark.parametrize("idle_since", [None, LONG_AGO])
@pytest.mark.parametrize("attempt", [None, 1])
def test_what_belongs_to_an_ended_run_goes_running_or_not(attempt: int | None, idle_since: datetime | None) -> None:
    assert reason_to_remove(leftover(attempt, idle_since), FlowRun("Crashed", LONG_AGO, 1), BEFORE) == "is Crashed"


def test_what_has_just_ended_may_still_be_read() -> None:
    assert reason_to_remove(leftover(idle_since=JUST_NOW), FlowRun("Completed", JUST_NOW, 1), BEFORE) == ""


def test_what_an_earlier_attempt_left_goes_at_once() -> None:
    again = FlowRun("Running", None, 2)
    assert reason_to_remove(leftover(attempt=1), again, BEFORE) == "is in its attempt 2"
    assert reason_to_remove(leftover(attempt=2), again, BEFORE) == ""
    assert reason_to_remove(leftover(attempt=None), again, BEFORE) == ""


def test_of_a_run_that_nobody_knows_only_what_is_long_idle_goes() -> None:
    assert reason_to_remove(leftover(), None, BEFORE) == ""
    assert reason_to_remove(leftover(idle_since=JUST_NOW), None, BEFORE) == ""
    assert reason_to_remove(leftover(idle_since=LONG_AGO), None, BEFORE) == "is not known to the API"


def test_the_settings_have_defaults() -> None:
    assert read_reaper_env({"PREFECT_API_URL": "http://server:4200/api/"}) == ReaperEnv(
        rest=RestEnv("http://server:4200/api", login="", certificates=""),
        interval=timedelta(seconds=30),
        grace=timedelta(seconds=60),
        health_file=Path("/tmp/reaper.healthy"),
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "PREFECT_API_URL is not set: write the site's API, for example http://server:4200/api"),
        (
            {"PREFECT_API_URL": "http://x/api", "REAPER_GRACE": "1m"},
            "REAPER_GRACE '1m' must be a whole number of seconds, for example 60",
        ),
        (
            {"PREFECT_API_URL": "http://x/api", "REAPER_INTERVAL": "-1"},
            "REAPER_INTERVAL '-1' must be a whole number of seconds, for example 30",
        ),
    ],
)
def test_a_wrong_setting_is_reported(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read_reaper_env(environ)
    assert str(refused.value) == expected
