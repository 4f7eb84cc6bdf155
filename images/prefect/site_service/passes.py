"""A service that does the same again and again."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path


class Passes:
    """Passes at an interval until SIGTERM or SIGINT; each that succeeds renews the health file, whose age is then that
    of the last good pass. What `failures` names is logged in one line, and tried again with the next pass."""

    def __init__(
        self,
        make: Callable[[], object],
        interval: timedelta,
        health_file: Path,
        failures: tuple[type[Exception], ...],
        log: logging.Logger,
    ) -> None:
        self._make, self._interval, self._health_file = make, interval, health_file
        self._failures, self._log = failures, log
        self._stopped = threading.Event()

    def once(self) -> bool:
        """One pass; False where it failed."""
        try:
            self._make()
            self._health_file.touch()
        except self._failures as error:
            self._log.warning("%s", error)
            return False
        except Exception:  # ended by it, the service would begin again and meet the same thing, for ever
            self._log.exception("this pass failed, and is tried again")
            return False
        return True

    def until_stopped(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        while not self._stopped.is_set():
            self.once()
            self._stopped.wait(self._interval.total_seconds())
        self._log.info("stopped")
