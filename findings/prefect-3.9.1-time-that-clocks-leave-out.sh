#!/bin/sh
# A daily time that clocks leave out in spring: a cron runs an hour later that night, a recurrence rule an hour earlier.
#
# Versions:  prefect 3.9.1, Python 3.11.
# Behaviour: 02:30 in Berlin does not exist on 28 March 2027. The same words as cron and as rule run two hours apart.
# Seen:      cron: 03-27 02:30, 03-28 03:30, 03-29 02:30
#            rule: 03-27 02:30, 03-28 01:30, 03-29 02:30
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

from prefect.server.schemas.schedules import CronSchedule, RRuleSchedule

ZONE = "Europe/Berlin"
SEEN = {
    "cron": "03-27 02:30, 03-28 03:30, 03-29 02:30",
    "rule": "03-27 02:30, 03-28 01:30, 03-29 02:30",
}
schedules = {
    "cron": CronSchedule(cron="30 2 * * *", timezone=ZONE),
    "rule": RRuleSchedule(rrule="DTSTART:20270101T023000\nFREQ=DAILY", timezone=ZONE),
}
ok = True
for name, schedule in schedules.items():
    dates = asyncio.run(schedule.get_dates(n=3, start=datetime(2027, 3, 26, 12, tzinfo=UTC)))
    words = ", ".join(f"{each.astimezone(ZoneInfo(ZONE)):%m-%d %H:%M}" for each in dates)
    print(f"{name}: {words}")
    ok = ok and words == SEEN[name]
sys.exit(not ok)
PYTHON
