"""The times of schedules, by Prefect's own classes: run by itself, where Prefect is.

Reads JSON: `start` and `end`, and `schedules` in the words of the API. Writes a list of times in UTC for each of them.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

MANY = 1000  # Prefect looks no further at once


def main() -> None:
    from prefect.server.schemas.actions import DeploymentScheduleCreate

    order = json.load(sys.stdin)
    start, end = (datetime.fromisoformat(order[name]) for name in ("start", "end"))
    # What the server makes of a schedule when it is registered.
    made = [DeploymentScheduleCreate(schedule=schedule).schedule for schedule in order["schedules"]]
    json.dump([[time.isoformat() for time in times(schedule, start, end)] for schedule in made], sys.stdout)


def times(schedule: Any, start: datetime, end: datetime) -> Iterator[datetime]:
    """Of one of the server's schedules, from `start` to `end`, both included."""
    while start <= end:
        # Prefect's own kind of time loses its zone in sums.
        made = schedule._get_dates_generator(n=MANY, start=start, end=end)
        found = [datetime.fromtimestamp(time.timestamp(), UTC) for time in made]
        yield from sorted(found)
        if not found:
            return
        start = max(found) + timedelta(microseconds=1)


if __name__ == "__main__":
    main()
