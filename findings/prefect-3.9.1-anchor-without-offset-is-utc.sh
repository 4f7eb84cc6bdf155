#!/bin/sh
# The anchor of an interval is UTC unless it has an offset, whatever the schedule's time zone says.
#
# Versions:  prefect 3.9.1, Python 3.11.
# Behaviour: a daily interval with the anchor 2026-01-01T09:00:00 and the time zone Europe/Berlin runs at 10:00 there.
#            A cron and a recurrence rule (DTSTART) with the same words run at 09:00.
# Seen:      interval: 10:00
#            cron: 09:00
#            rule: 09:00
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m pip install --quiet --disable-pip-version-check --target "$folder" \
    prefect==3.9.1 whenever==0.11.0 'sqlalchemy[asyncio]==2.0.58'
PYTHONPATH="$folder" PREFECT_HOME="$folder/home" python3.11 - <<'PYTHON'
import asyncio
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

ZONE = "Europe/Berlin"
interval = {"interval": 86400, "anchor_date": "2026-01-01T09:00:00", "timezone": ZONE}
schedules = {
    "interval": (IntervalSchedule.model_validate(interval), "10:00"),
    "cron": (CronSchedule(cron="0 9 * * *", timezone=ZONE), "09:00"),
    "rule": (RRuleSchedule(rrule="DTSTART:20260101T090000\nFREQ=DAILY", timezone=ZONE), "09:00"),
}
ok = True
for name, (schedule, seen) in schedules.items():
    (date,) = asyncio.run(schedule.get_dates(n=1, start=datetime(2026, 1, 10, tzinfo=UTC)))
    time = f"{date.astimezone(ZoneInfo(ZONE)):%H:%M}"
    print(f"{name}: {time}")
    ok = ok and time == seen
sys.exit(not ok)
PYTHON
