"""Render and Prefect agree on schedules: what Prefect would refuse at registration does not get past render."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from pydantic import ValidationError
from registrar.deployment_file import Schedule

from stack.check import schedule

CRON_FIELDS = [
    "*",
    "0",
    "7",
    "59",
    "61",
    "*/15",
    "1-5",
    "5-1",
    "L",
    "L5",
    "5#2",
    "?",
    "1W",
    "jan",
    "mon-fri",
    "r",
    "H(1-9)",
    "1,2,",
    "-",
    "@",
]
RULE_PARTS = [
    "FREQ=DAILY", "FREQ=SECONDLY", "FREQ=", "INTERVAL=2", "INTERVAL=0", "INTERVAL=-1", "INTERVAL=x", "COUNT=3",
    "BYDAY=MO,-1FR", "BYDAY=XX", "UNTIL=20300101T000000Z", "UNTIL=20300101T000000", "UNTIL=soon", "BYHOUR=25",
    "BYMONTH=13", "BYSETPOS=0", "WKST=SU", "BYWEEKNO=", "FOO=1", "",
]  # fmt: skip
RULES = [
    "DTSTART:20260101T060000\nRRULE:FREQ=DAILY",
    "DTSTART;TZID=Europe/Berlin:20260101T060000\nRRULE:FREQ=DAILY",
    "DTSTART:yesterday\nRRULE:FREQ=DAILY",
    "RRULE:FREQ=DAILY\nEXDATE:20260101T060000",
    "RDATE:20260101T060000",
    "RRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY",
    "EXDATE:",
    "RRULE",
    ":",
    "\n",
    "FREQ=DAILY;" + "BYHOUR=" + "1," * 4000 + "1",
]


def prefect_takes(**entry: object) -> bool:
    try:
        Schedule.model_validate(entry)
    except ValidationError:
        return False
    return True


def prefect_runs(text: str) -> bool:
    """Whether its scheduler finds the times of a rule: one that registers may still be wrong then, or take for ever."""
    if re.search(r"INTERVAL=0|SECONDLY", text):
        return False
    try:
        asyncio.run(RRuleSchedule(rrule=text, timezone="UTC").get_dates(n=1))
    except ValueError:
        return False
    return True


def render_takes(**entry: object) -> bool:
    return not schedule.examine(entry)[1]


@given(
    st.lists(st.sampled_from(CRON_FIELDS), max_size=8).map(" ".join) | st.text("0123456789*/,-LW#?@hr ", max_size=20)
)
def test_a_cron_expression_that_render_takes_is_one_for_prefect(text: str) -> None:
    assert prefect_takes(cron=text) or not render_takes(cron=text)


@pytest.mark.parametrize(
    "text", ["@hourly", "@reboot", "0 6 * * *", "* * * * * */20", "* * * * * * 2099", "0 0 L * *", "5/10 * * * *"]
)
def test_a_cron_expression_that_prefect_takes_is_one_for_render(text: str) -> None:
    assert prefect_takes(cron=text) == render_takes(cron=text)


@given(st.lists(st.sampled_from(RULE_PARTS), max_size=4, unique_by=lambda part: part.partition("=")[0]).map(";".join))
def test_render_takes_the_rules_that_prefect_takes_and_can_run(text: str) -> None:
    assert (prefect_takes(rrule=text) and prefect_runs(text)) == render_takes(rrule=text)


@pytest.mark.parametrize("text", RULES, ids=lambda text: ascii(text[:40]))
def test_both_take_the_same_rules_of_several_lines(text: str) -> None:
    assert prefect_takes(rrule=text) == render_takes(rrule=text)


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "US/Eastern", "Etc/GMT+5", "CEST", "Mars", "europe/berlin", "../UTC", "+01:00"]
)
@pytest.mark.parametrize("kind", [{"cron": "0 6 * * *"}, {"interval": 60}, {"rrule": "FREQ=DAILY"}])
def test_both_know_the_same_time_zones(zone: str, kind: dict[str, object]) -> None:
    assert prefect_takes(timezone=zone, **kind) == render_takes(timezone=zone, **kind)


def test_an_interval_is_the_same_number_of_seconds() -> None:
    for text in ("PT1H30M", "P1D", "PT0.5H", "P1W", "PT90S"):
        read, faults = schedule.examine({"interval": text})
        interval = Schedule.model_validate({"interval": text}).interval
        assert interval
        assert (faults, read["interval"]) == ([], interval.total_seconds())


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize(
    "kind",
    [
        {"cron": "0 6 * * 1", "day_or": False},
        {"interval": 5, "anchor_date": "2026-01-01"},
        {"rrule": "FREQ=DAILY"},
    ],
)
def test_every_field_can_be_registered(kind: dict[str, object], paused: bool) -> None:
    read, faults = schedule.examine(
        {**kind, "timezone": "Asia/Tokyo", "parameters": {"a": [None]}, "slug": "s", "paused": paused}
    )
    assert faults == []
    assert Schedule.model_validate(read).active is not paused


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_prefect_finds_the_times_of_a_cron_schedule(zone: str | None) -> None:
    """With whenever 0.10.5, Prefect 3.9.1 takes the schedule and finds no time on Python 3.11."""
    found = asyncio.run(CronSchedule(cron="0 6 * * *", timezone=zone).get_dates(n=2))
    assert [date.hour for date in found] == [6, 6]


@pytest.mark.parametrize("start", [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 4, 10, 12, tzinfo=UTC)])
def test_an_interval_of_a_day_keeps_its_hour_when_the_clocks_change(start: datetime) -> None:
    """In Prefect 3.8.8 it moved by an hour, if the dates were computed after the change."""
    anchor = datetime(2026, 3, 1, 6, tzinfo=ZoneInfo("Europe/Berlin"))
    daily = IntervalSchedule(interval=timedelta(days=1), anchor_date=anchor, timezone="Europe/Berlin")
    found = asyncio.run(daily.get_dates(n=3, start=start))
    assert [date.hour for date in found] == [6, 6, 6]
