"""Words of schedules that Prefect reads otherwise than people mean them: turned, refused, or warned of in one line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.server.schemas.actions import DeploymentScheduleCreate
from pydantic import ValidationError
from registrar.deployment_file import Schedule
from registrar.timing import meaning, rule, zone

from stack.check import schedule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)

# What is written, and what is registered in its place.
TURNED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"cron": "0 0 6 * * MON"}, {"cron": "0 6 * * MON"}),
    ({"cron": "30 0 6 * * MON-FRI"}, {"cron": "0 6 * * MON-FRI 30"}),
    ({"cron": "* * * * * */20"}, {"cron": "* * * * * */20"}),
    ({"cron": "* * * * * 0,30"}, {"cron": "* * * * * 0,30"}),
    ({"cron": "0 0 6 * * 01"}, {"cron": "0 0 6 * * 01"}),
    ({"cron": "0 6 * * *", "timezone": BERLIN}, {"cron": "0 6 * * *", "timezone": BERLIN}),
    ({"cron": "*/15 * * * *", "timezone": BERLIN}, {"cron": "*/15 * * * *", "timezone": "UTC"}),
    ({"cron": "@hourly", "timezone": NEW_YORK}, {"cron": "@hourly", "timezone": "UTC"}),
    ({"cron": "0 * * * *", "timezone": LORD_HOWE}, {"cron": "0 * * * *", "timezone": LORD_HOWE}),
    ({"cron": "0 * * * *", "timezone": "Asia/Kolkata"}, {"cron": "0 * * * *", "timezone": "Asia/Kolkata"}),
    (
        {"interval": 86400, "anchor_date": "2026-01-01T09:00:00", "timezone": BERLIN},
        {"interval": 86400, "anchor_date": "2026-01-01T09:00:00+01:00", "timezone": BERLIN},
    ),
    (
        {"interval": 86400, "anchor_date": "2026-07-01", "timezone": BERLIN},
        {"interval": 86400, "anchor_date": "2026-07-01T00:00:00+02:00", "timezone": BERLIN},
    ),
    (
        {"interval": 129600, "anchor_date": "2026-01-01T09:00:00", "timezone": NEW_YORK},
        {"interval": 129600, "anchor_date": "2026-01-01T09:00:00-05:00", "timezone": "UTC"},
    ),
    (
        {"interval": 3600, "anchor_date": "2026-01-01T09:00:00Z", "timezone": BERLIN},
        {"interval": 3600, "anchor_date": "2026-01-01T09:00:00Z", "timezone": "UTC"},
    ),
    ({"interval": 3600, "anchor_date": "2026-01-01"}, {"interval": 3600, "anchor_date": "2026-01-01"}),
    ({"rrule": "FREQ=HOURLY", "timezone": BERLIN}, {"rrule": "FREQ=HOURLY", "timezone": "UTC"}),
    (
        {"rrule": "FREQ=MINUTELY;INTERVAL=12", "timezone": BERLIN},
        {"rrule": "FREQ=MINUTELY;INTERVAL=12", "timezone": "UTC"},
    ),
    ({"rrule": "FREQ=HOURLY;INTERVAL=6", "timezone": BERLIN}, {"rrule": "FREQ=HOURLY;INTERVAL=6", "timezone": BERLIN}),
    (
        {"rrule": "DTSTART;TZID=Asia/Tokyo:20260101T060000\nRRULE:FREQ=DAILY"},
        {"rrule": "DTSTART:20260101T060000\nRRULE:FREQ=DAILY", "timezone": "Asia/Tokyo"},
    ),
    ({"rrule": "DTSTART:20260101T060000Z\nRRULE:FREQ=DAILY"}, {"rrule": "DTSTART:20260101T060000Z\nRRULE:FREQ=DAILY"}),
]
SECOND = "Prefect takes the sixth field as the second"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (
        {"cron": "*/10 * * * * *"},
        "cron",
        f'{SECOND}, and this starts 60 runs in a row; write "* * * * * */10" if the first field is your second, '
        'or "*/10 * * * * 0-59" if the last is',
    ),
    (
        {"cron": "0 0 6 * * 1"},
        "cron",
        f'{SECOND}; write "0 6 * * 1" if the first field is your second, or "0 0 6 * * 01" if the last is',
    ),
    ({"cron": "0 0 6 ? * 2"}, "cron", f'{SECOND}; write "0 6 * * MON" if the first field is your second'),
    (
        {"interval": 86400, "anchor_date": "2026-03-29T02:30:00", "timezone": BERLIN},
        "anchor_date",
        "clocks in Europe/Berlin leave this time out; write 2026-03-29T03:30:00",
    ),
    (
        {"rrule": "DTSTART:20260101T060000Z\nRRULE:FREQ=DAILY", "timezone": BERLIN},
        "rrule",
        "Prefect reads times that end in Z in Europe/Berlin too; write them in Europe/Berlin, without Z",
    ),
    (
        {"rrule": "DTSTART;TZID=Asia/Tokyo:20260101T060000\nRRULE:FREQ=DAILY", "timezone": BERLIN},
        "rrule",
        "Prefect ignores TZID=Asia/Tokyo and reads all times in the schedule's time zone; write them in one time zone, "
        "as timezone: Europe/Berlin, without TZID",
    ),
    *(
        ({"rrule": text}, "rrule", "this day never comes, so it never runs; write days and months that go together")
        for text in (
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=HOURLY;BYMONTH=4;BYMONTHDAY=31",
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=30",
        )
    ),
]
BACK = "clocks in Europe/Berlin go back on 2027-10-31: it has no run in the second 02:00 to 03:00"
FOR_GOOD = "clocks in Europe/Berlin leave out 02:30 on 2027-03-28: from then on it runs at 03:30"
ONE_NIGHT = "write a time before 02:00 or from 03:00 on"
DAILY = "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0"
WARNED: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"cron": "30 2 * * *", "timezone": BERLIN},
        [f"clocks in Europe/Berlin leave out 02:30 on 2027-03-28: that day it runs at 03:30; {ONE_NIGHT}"],
    ),
    (
        {"rrule": DAILY, "timezone": NEW_YORK},
        [f"clocks in America/New_York leave out 02:30 on 2027-03-14: that day it runs at 01:30; {ONE_NIGHT}"],
    ),
    (
        {"interval": 86400, "anchor_date": "2026-11-01T02:30:00", "timezone": BERLIN},
        [f"{FOR_GOOD}; {ONE_NIGHT}, or a cron"],
    ),
    (
        {"cron": "0 0-5 * * *", "timezone": BERLIN},
        [f"{BACK}; write interval, or timezone: UTC with the times in UTC"],
    ),
    (
        {"cron": "*/15 * * * *", "timezone": LORD_HOWE},
        [
            "clocks in Australia/Lord_Howe go back on 2027-04-04: it has no run in the second 01:30 to 02:00; "
            "write interval, or timezone: UTC with the times in UTC"
        ],
    ),
    (
        {"rrule": "FREQ=DAILY;COUNT=3"},
        [
            "COUNT=3 is used up, counted from 2020-01-01, as there is no DTSTART: it never runs; "
            "write DTSTART:... before the rule"
        ],
    ),
    (
        {"rrule": "FREQ=DAILY;UNTIL=20260301T000000"},
        ["UNTIL was 2026-03-01 00:00: it never runs again; write a later UNTIL"],
    ),
    ({"rrule": "DTSTART:20261130T000000\nRRULE:FREQ=DAILY;COUNT=30"}, []),
    ({"cron": "30 2 * * *"}, []),
    ({"cron": "0 6 * * *", "timezone": BERLIN}, []),
    ({"cron": "*/15 * * * *", "timezone": BERLIN}, []),
    ({"cron": "30 2 * * *", "timezone": "Asia/Tokyo"}, []),
    ({"interval": 3600, "timezone": BERLIN}, []),
    ({"rrule": "FREQ=HOURLY", "timezone": BERLIN}, []),
]


@pytest.mark.parametrize(("entry", "meant"), TURNED, ids=str)
def test_render_and_registrar_turn_words_into_what_they_mean(entry: dict[str, Any], meant: dict[str, Any]) -> None:
    assert schedule.examine(entry) == (meant, [])
    registered = Schedule.model_validate(entry).words
    assert registered == {"day_or": True} | meant


@pytest.mark.parametrize(("entry", "name", "fault"), REFUSED, ids=str)
def test_render_and_registrar_refuse_what_could_mean_two_things(entry: dict[str, Any], name: str, fault: str) -> None:
    assert schedule.examine(entry)[1] == [f".{name}: {entry[name]!r}: {fault}"]
    with pytest.raises(ValidationError) as raised:
        Schedule.model_validate(entry)
    assert raised.value.errors()[0]["msg"].endswith(f"{name}: {fault}")


@pytest.mark.parametrize(("entry", "warnings"), WARNED, ids=str)
def test_what_prefect_does_otherwise_is_said(entry: dict[str, Any], warnings: list[str]) -> None:
    read, faults = schedule.examine(entry)
    assert faults == []
    assert [text for _, text in meaning.warnings(read, NOW)] == warnings


@pytest.mark.parametrize("entry", [entry for entry, warnings in WARNED if warnings and "cron" in entry], ids=str)
def test_a_paused_schedule_warns_of_nothing(entry: dict[str, Any]) -> None:
    assert schedule.warnings(schedule.examine(entry | {"paused": True})[0]) == []
    assert Schedule.model_validate(entry | {"active": False}).warnings() == []


def times(entry: dict[str, Any], start: datetime, count: int) -> list[datetime]:
    """By the server's own code, as registered today."""
    words = {
        key: value for key, value in Schedule.model_validate(entry).words.items() if key in entry or key != "day_or"
    }
    made: Any = DeploymentScheduleCreate(schedule=words).schedule  # type: ignore[arg-type]
    return [date.astimezone(UTC) for date in made._get_dates_generator(n=count, start=start)]


@pytest.mark.parametrize("name", [BERLIN, NEW_YORK])
@pytest.mark.parametrize(
    "entry", [{"cron": "0 * * * *"}, {"rrule": "FREQ=HOURLY"}, {"interval": 3600, "anchor_date": "2026-01-01"}], ids=str
)
def test_each_of_the_two_equal_hours_has_its_run(entry: dict[str, Any], name: str) -> None:
    for change in zone.next_changes(name, NOW):
        start = change.at - timedelta(hours=3)
        expected = [start + timedelta(hours=number) for number in range(6)]
        assert times(entry | {"timezone": name}, start, 6) == expected


@pytest.mark.parametrize("interval", [86400, 129600, 7200])
def test_an_anchor_without_an_offset_is_in_the_time_zone(interval: int) -> None:
    entry = {"interval": interval, "anchor_date": "2026-12-02T09:00:00", "timezone": BERLIN}
    assert times(entry, datetime(2026, 12, 2, 8, tzinfo=UTC), 1) == [datetime(2026, 12, 2, 8, tzinfo=UTC)]


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MINUTELY",
        "FREQ=MINUTELY;INTERVAL=12",
        "FREQ=MINUTELY;BYSECOND=20,50",
        "FREQ=HOURLY",
        "FREQ=SECONDLY;INTERVAL=60",
    ],
)
@pytest.mark.parametrize("start", ["", "DTSTART:20200101T000000\nRRULE:", "DTSTART:19990101T000500\nRRULE:"])
def test_a_rule_of_minutes_is_taken_on_every_day(text: str, start: str) -> None:
    assert schedule.examine({"rrule": start + text})[1] == []


@pytest.mark.parametrize("text", ["FREQ=MINUTELY;INTERVAL=7", "FREQ=MINUTELY;INTERVAL=12;BYSECOND=5"])
def test_a_rule_of_minutes_starts_near_today_with_the_same_times(text: str) -> None:
    old, now = f"DTSTART:20261001T000500\nRRULE:{text}", datetime(2026, 12, 1, 12)
    new = rule.with_recent_start(old, now)
    assert new > "DTSTART:20261201T11"
    window = now, now + timedelta(hours=3)
    every = [time for time in rule.parsed(old).between(*window, inc=True) if time < window[1]]
    assert [time for time in rule.parsed(new).between(*window, inc=True) if time < window[1]] == every
    assert rule.same(old, new, now)
    assert rule.same(new, new, now)
    assert not rule.same(text, "DTSTART:20200101T000000\n" + text, now), "a start that is too old is renewed"
    assert not rule.same(new, "DTSTART:20261201T115900\n" + text, now)
