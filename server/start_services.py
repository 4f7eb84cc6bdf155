"""Starts the background services once the API answers, or after a minute without an answer: they do not need it.

They are Prefect's own, by `prefect server services start`, and `lost_slots`.

Nothing waits for them. If they started together with the API, they would take half of a small machine from it.
"""

import os
import sys
import time
import urllib.request

SERVICES = ["prefect", "server", "services", "start"]
# The server is beside this container: no proxy is asked for it.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PAUSE_SECONDS, LONGEST_SECONDS = 0.5, 60


def answers(url: str) -> bool:
    try:
        with DIRECTLY.open(url, timeout=5):
            return True
    except OSError:  # all errors of urllib are OSErrors
        return False


def wait() -> None:
    url, ends = f"{os.environ['PREFECT_API_URL']}/health", time.monotonic() + LONGEST_SECONDS
    while not answers(url) and time.monotonic() < ends:
        time.sleep(PAUSE_SECONDS)


def start() -> None:
    """In this process; imported here, so that the waiting is light."""
    import lost_slots  # noqa: F401  # it adds itself to the services
    import redis_server
    from prefect.cli import app

    redis_server.ask_often()
    sys.argv = SERVICES
    app()


if __name__ == "__main__":
    try:
        wait()
    except KeyboardInterrupt:  # what stops the services, too
        sys.exit()
    start()
