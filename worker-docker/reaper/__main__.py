"""python -m reaper [--once]: removes what killed workers left, again and again until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import sys

from launchers.containers.engine import connect
from launchers.containers.site_env import read_site_env
from launchers.launching.errors import LaunchError
from site_service.errors import ServiceError
from site_service.passes import Passes
from site_service.rest import Rest

from reaper.flow_runs import FlowRuns
from reaper.reaper_env import read_reaper_env
from reaper.sweep import sweep

log = logging.getLogger("reaper")


def main() -> int:
    """The exit status: 0, or 1 where the settings are wrong or the one pass of --once failed."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        env, site = read_reaper_env(), read_site_env()
        with connect() as engine:
            flow_runs = FlowRuns(Rest(env.rest))
            passes = Passes(
                lambda: sweep(engine, flow_runs, site, env.grace, log),
                env.interval,
                env.health_file,
                (LaunchError, ServiceError, OSError),
                log,
            )
            if arguments.once:
                return 0 if passes.once() else 1
            log.info("looking after site %s every %d s", site.site, env.interval.total_seconds())
            passes.until_stopped()
            return 0
    except (LaunchError, ServiceError) as error:
        log.error("%s", error)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reaper", description=__doc__)
    parser.add_argument("--once", action="store_true", help="one pass, then exit: 0 where it could be made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
