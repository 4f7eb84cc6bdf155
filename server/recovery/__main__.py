"""python -m recovery: brings killed runs back, again and again until SIGTERM."""

from __future__ import annotations

import logging
import sys

from site_service.errors import ServiceError
from site_service.passes import Passes
from site_service.rest import Rest

from recovery.pulse import Heartbeats
from recovery.recovery_env import read_recovery_env
from recovery.server import Server
from recovery.watch import Watch
from recovery.workers import Workers

log = logging.getLogger("recovery")


def main() -> int:
    """The exit status: 0, or 1 where the settings are wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        env = read_recovery_env()
    except ServiceError as error:
        log.error("%s", error)
        return 1
    rest = Rest(env.rest)
    watch = Watch(Server(rest), Heartbeats(rest, env.patience), Workers(rest), env)
    log.info("crashed runs are run again up to %d times", env.max_crash_retries)
    Passes(watch.once, env.interval, env.health_file, (ServiceError,), log).until_stopped()
    return 0


if __name__ == "__main__":
    sys.exit(main())
