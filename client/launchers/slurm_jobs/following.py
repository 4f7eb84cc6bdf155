"""A job followed to its end: its states logged, its output streamed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from launchers.launching.lines import STDOUT, LineReader, records_of
from launchers.launching.output_log import Log, OutputLog
from launchers.slurm_jobs.cluster import PIECE, Cluster, Job
from launchers.slurm_jobs.errors import ClusterError
from launchers.slurm_jobs.job_state import JobState

AWAY_SECONDS = 600  # without an answer of the cluster, after which the run ends; the job goes on

Answer = TypeVar("Answer")


@dataclass
class Following:
    """One job, of whose output `offset` bytes have been read, and whose state `logged` was logged last."""

    cluster: Cluster
    job: Job
    log: Log
    poll_seconds: float
    offset: int = 0
    logged: str = ""
    output: OutputLog = field(init=False)
    reader: LineReader = field(default_factory=LineReader)

    def __post_init__(self) -> None:
        self.output = OutputLog(self.log)

    def to_the_end(self) -> JobState:
        """The job's last state. Raises ClusterError where the cluster is away for too long."""
        while not (state := self._patiently(lambda: self.cluster.state(self.job))).is_over:
            self._log_state(state)
            self._read_output()
            time.sleep(self.poll_seconds)
        self._read_output()
        self._log(self.reader.rest())
        self._log_state(state)
        return state

    def _log_state(self, state: JobState) -> None:
        if str(state) != self.logged:
            self.logged = str(state)
            self.log.info("Slurm job %s is %s", self.job.id, state)

    def _read_output(self) -> None:
        while piece := self._patiently(lambda: self.cluster.output(self.job, self.offset)):
            self.offset += len(piece)
            self._log(self.reader.feed(piece))
            if len(piece) < PIECE:
                return

    def _log(self, lines: list[str]) -> None:
        for record in records_of((STDOUT, line) for line in lines):
            self.output.add(record)

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        """The answer to a call that can be repeated."""
        ends, warned = time.monotonic() + AWAY_SECONDS, False
        while True:
            try:
                return call()
            except ClusterError as error:
                if not error.away or time.monotonic() > ends:
                    raise
                if not warned:
                    self.log.warning("The cluster does not answer (%s); asking for another %d s", error, AWAY_SECONDS)
                warned = True
                time.sleep(self.poll_seconds)
