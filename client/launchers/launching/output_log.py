"""A program's output in the log of its flow run."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from launchers.launching.lines import STDERR, Record

LAST_LINES = 10
LAST_LINE_LENGTH = 500

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class OutputLog:
    """Logs records, those of stderr as warnings, and keeps the last lines, cut to what a state's message can show."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def last(self) -> list[str]:
        """The last lines of all that was added."""
        return list(self._last)

    def add(self, record: Record) -> None:
        """Logs one record."""
        level = logging.WARNING if record.stream == STDERR else logging.INFO
        self._log.log(level, "%s", "\n".join(record.lines))
        self._last.extend(line[:LAST_LINE_LENGTH] for line in record.lines[-LAST_LINES:])


def last_lines(lines: Sequence[str]) -> str:
    """The end of a message: a program's last lines; empty where there are none."""
    return "; its last lines:" + "".join(f"\n{line}" for line in lines) if lines else ""
