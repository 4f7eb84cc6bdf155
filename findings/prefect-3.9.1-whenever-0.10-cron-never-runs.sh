#!/bin/sh
# Prefect 3.9.1 with whenever 0.10.5 on Python 3.11: a cron schedule registers and never runs.
#
# Versions:  prefect 3.9.1, whenever 0.10.5 (its metadata allows it: pip and uv keep it from an older lock); Python 3.11.
# Behaviour: computing the dates of any cron schedule raises ValueError. The server's scheduler catches it, logs "Error
#            scheduling deployment", and makes no runs for any schedule of that deployment. With whenever 0.11.0 it works.
# Seen:      0.10.5: ValueError: tzinfo must be of type ZoneInfo (exactly), got Timezone('UTC')
#            0.11.0: one date at 06:00
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
dates='
import asyncio
from prefect.server.schemas.schedules import CronSchedule
print(asyncio.run(CronSchedule(cron="0 6 * * *").get_dates(1))[0].strftime("%H:%M"))
'
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prefect==3.9.1 whenever==0.10.5 'sqlalchemy<2.1'
if found=$("$folder/venv/bin/python" -c "$dates" 2>&1); then
    echo "changed: whenever 0.10.5 gives $found"; exit 1
fi
printf 'whenever 0.10.5: %s\n' "$(printf '%s\n' "$found" | tail -n 1)"
printf '%s\n' "$found" | grep -q 'ValueError: tzinfo must be of type ZoneInfo' || { echo "changed: another error"; exit 1; }
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check whenever==0.11.0
found=$("$folder/venv/bin/python" -c "$dates")
printf 'whenever 0.11.0: %s\n' "$found"
[ "$found" = 06:00 ]
