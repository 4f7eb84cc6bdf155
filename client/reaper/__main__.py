"""python -m reaper [--once]: removes what killed workers left, again and again until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from flows.containers.engine import Engine, connect
from flows.containers.errors import LaunchError
from flows.containers.site_env import SiteEnv, read_site_env

from reaper.flow_runs import FlowRuns
from reaper.reaper_env import ReaperEnv, read_reaper_env
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
            reap = Reaper(engine, FlowRuns(env), site, env)
            if not arguments.once:
                reap.until_stopped()
                return 0
            return 0 if reap.once() else 1
    except LaunchError as error:
        log.error("%s", error)
        return 1


class Reaper:
    """The service: one pass after the other, the health file renewed by each that succeeds."""

    def __init__(self, engine: Engine, flow_runs: FlowRuns, site: SiteEnv, env: ReaperEnv) -> None:
        self._engine, self._flow_runs, self._site, self._env = engine, flow_runs, site, env
        self._stopped = threading.Event()

    def once(self) -> bool:
        """One pass; False where the engine or the API did not answer, which is told in one line."""
        try:
            sweep(self._engine, self._flow_runs, self._site, self._env.grace, log)
            self._env.health_file.touch()
        except (LaunchError, OSError) as error:
            log.warning("%s", error)
            return False
        return True

    def until_stopped(self) -> None:
        """Passes at the interval, until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        log.info("looking after site %s every %d s", self._site.site, self._env.interval.total_seconds())
        while not self._stopped.is_set():
            self.once()
            self._stopped.wait(self._env.interval.total_seconds())
        log.info("stopped")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reaper", description=__doc__)
    parser.add_argument("--once", action="store_true", help="one pass, then exit: 0 where it could be made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
