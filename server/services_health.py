"""Health of the background services: exit 0 while their heartbeat in Redis is young.

Exit 1 if Redis does not answer: the services may be well. Exit 3 if it answers and the heartbeat is old.

`prefect server services start` serves no HTTP. It runs its periodic services in a Docket worker, which writes the
time, in seconds since the epoch, under `<host name>#<pid>` into the sorted set `prefect:workers`; the name `prefect`
is fixed in that command (prefect/cli/_server_utils.py), unlike the one of the API's own worker.
"""

import socket
import sys
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

DOCKET_URL = Path("/run/secrets/PREFECT_SERVER_DOCKET_URL")
# Docket writes one every 2 s; a busy database may hold the event loop for a while.
MAX_AGE_SECONDS = 60
STUCK = 3


def newest_heartbeat() -> float:
    """Seconds since the epoch; 0 where there is none."""
    redis = Redis.from_url(DOCKET_URL.read_text(encoding="utf-8"), socket_timeout=5, decode_responses=True)
    workers: list[tuple[str, float]] = redis.zrange("prefect:workers", 0, -1, withscores=True)  # type: ignore[assignment]  # typed for its asynchronous twin too
    return max((seen for name, seen in workers if name.startswith(f"{socket.gethostname()}#")), default=0.0)


if __name__ == "__main__":
    try:
        age = time.time() - newest_heartbeat()
    except RedisError as error:
        sys.exit(f"Redis does not answer: {error}")
    if age > MAX_AGE_SECONDS:
        print(f"no heartbeat of the background services for {age:.0f} s")
        sys.exit(STUCK)
