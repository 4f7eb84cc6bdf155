"""The output of a program as lines that a log can hold."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

STDOUT, STDERR = 1, 2
LONGEST_LINE = 16_384  # characters; what is longer comes in pieces
BURST = 50  # lines in one read; see `records_of`

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
# PostgreSQL refuses NUL, and with it the whole batch of log records it came in.
_CONTROLS = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], "\ufffd")


class Record(NamedTuple):
    """What becomes one record of the log: a line, or the lines of a burst."""

    stream: int
    lines: list[str]


def records_of(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    """The log records of the lines that one read brought, each given with its stream.

    A record is a line. Only where more than BURST lines of one stream come in one read they stay together: a server
    takes about 1 ms for a record (Prefect 3.9.1, SQLite), so 100 000 records would keep it busy for two minutes.
    """
    for stream, group in groupby(lines, key=lambda pair: pair[0]):
        together = [line for _, line in group]
        if len(together) > BURST:
            yield Record(stream, together)
        else:
            yield from (Record(stream, [line]) for line in together)


class LineReader:
    """Lines of one stream. Invalid UTF-8 and control characters become U+FFFD; colours are dropped."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes; a line without end is given out in pieces of LONGEST_LINE."""
        *ended, self._begun = (self._begun + self._decoder.decode(data)).split("\n")
        lines = [piece for line in ended for piece in _pieces(line)]
        if len(self._begun) > LONGEST_LINE:
            lines += _pieces(self._begun)
            self._begun = ""
        return lines

    def rest(self) -> list[str]:
        """The last line, where the stream ended without a newline."""
        begun = self._begun + self._decoder.decode(b"", final=True)
        return _pieces(begun) if begun else []


def _pieces(line: str) -> list[str]:
    """A whole line as a terminal shows it: of a progress bar that rewrites itself, the last state."""
    shown = _ESCAPES.sub("", line.rstrip("\r").rpartition("\r")[2]).translate(_CONTROLS)
    return [shown[start : start + LONGEST_LINE] for start in range(0, max(len(shown), 1), LONGEST_LINE)]
