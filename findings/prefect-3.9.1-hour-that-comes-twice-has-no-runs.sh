#!/bin/sh
# On the night when clocks go back, hourly schedules with a time zone have no run in the second of the two equal hours.
#
# Versions:  prefect 3.9.1, Python 3.11.
# Behaviour: cron, interval and recurrence rule alike leave an hour of real time without a run, once a year. The same
#            schedules in UTC leave out none. With a cron of UTC and one of Berlin, "every hour" differs by one run.
# Seen:      Europe/Berlin cron: 23 of 24 hours, none at 01:00 UTC
#            Europe/Berlin interval: 23 of 24 hours, none at 01:00 UTC
#            Europe/Berlin rule: 23 of 24 hours, none at 01:00 UTC
#            UTC cron: 24 of 24 hours
#            UTC interval: 24 of 24 hours
#            UTC rule: 24 of 24 hours
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m pip install --quiet --disable-pip-version-check --target "$folder" \
    prefect==3.9.1 whenever==0.11.0 'sqlalchemy[asyncio]==2.0.58'
PYTHONPATH="$folder" PREFECT_HOME="$folder/home" python3.11 - <<'PYTHON'
import asyncio
import sys
from datetime import UTC, datetime, timedelta

from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

START = datetime(2026, 10, 25, tzinfo=UTC)  # clocks in Berlin go back at 01:00 UTC
HOURS = [START + timedelta(hours=number) for number in range(24)]
ok = True
for zone in ("Europe/Berlin", "UTC"):
    schedules = {
        "cron": CronSchedule(cron="0 * * * *", timezone=zone),
        "interval": IntervalSchedule(interval=timedelta(hours=1), anchor_date=datetime(2026, 1, 1, tzinfo=UTC), timezone=zone),
        "rule": RRuleSchedule(rrule="DTSTART:20261001T000000\nFREQ=HOURLY", timezone=zone),
    }
    for name, schedule in schedules.items():
        found = {each.astimezone(UTC) for each in asyncio.run(schedule.get_dates(n=48, start=START))}
        missing = [hour for hour in HOURS if hour not in found]
        words = f", none at {' and '.join(f'{hour:%H:%M}' for hour in missing)} UTC" if missing else ""
        print(f"{zone} {name}: {24 - len(missing)} of 24 hours{words}")
        expected = [START + timedelta(hours=1)] if zone != "UTC" else []
        ok = ok and missing == expected
sys.exit(not ok)
PYTHON
