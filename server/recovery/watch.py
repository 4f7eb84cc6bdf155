"""One pass over the runs of a server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

from site_service.errors import ServiceError
from site_service.passing_over import UNREADABLE, name_bad_one

from recovery.memory import Memory
from recovery.pulse import Heartbeats
from recovery.recovery_env import RecoveryEnv
from recovery.runs import PENDING, RUNNING, Run
from recovery.server import Server
from recovery.verdict import Observation, Retry, after_crash, is_silent, lost_before_running, lost_while_running
from recovery.workers import DEFAULT_BEAT_SECONDS, Worker, Workers

# What crashed longer ago, while no recovery ran, is left to people.
RECENTLY = timedelta(hours=1)


class Passed:
    """Goes on with the other runs where the server refuses what is asked about one. Raises the last such ServiceError
    at the end of the pass, but at once where no answer came at all: then there is none for the others either."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._error: ServiceError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._error and kind is None:
            raise self._error

    @contextmanager
    def over(self, run: Run) -> Iterator[None]:
        try:
            yield
        except ServiceError as error:
            if not error.status:
                raise
            self._error = error
        except UNREADABLE as error:
            name_bad_one(f"flow run {run.name} {run.id}", error, self._log)


class Watch:
    """Knows what it has seen since it started. Raises ServiceError where the API does not answer."""

    def __init__(
        self,
        server: Server,
        heartbeats: Heartbeats,
        workers: Workers,
        env: RecoveryEnv,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server, self._heartbeats, self._workers = server, heartbeats, workers
        self._retries, self._patience = env.max_crash_retries, env.patience
        self._clock, self._memory, self._looked = clock, Memory(), clock()
        self._settled: set[str] = set()  # ids of states Crashed that need no more messages
        self._log = logging.getLogger("recovery")

    def once(self) -> None:
        with Passed(self._log) as passed:
            try:
                self._notice(passed)
            except ServiceError:
                self._memory.forget()  # no heartbeat could have arrived
                raise
            self._bring_back(passed)

    def _notice(self, passed: Passed) -> None:
        """Dead runs become Crashed."""
        runs = self._server.active(RUNNING, PENDING)
        if not runs:
            self._memory.forget()
            return
        self._heartbeats.send_pulse()
        last = self._heartbeats.last()
        if not last:
            self._memory.forget()
            return
        beats = self._workers.beats()
        workers = {pool: self._workers.of(pool) for pool in {run.pool for run in runs if run.pool}}
        now = self._now()
        for run in runs:
            with passed.over(run):
                worker = workers.get(run.pool, {}).get(run.worker, Worker())
                observed = self._observe(run, last.get(run.resource), worker, now)
                if reason := self._reason(run, observed, beats.get(run.pool, DEFAULT_BEAT_SECONDS)):
                    self._log_change(run, reason, self._server.crash(run, reason))
        self._memory.keep({thing for run in runs for thing in _things(run)})

    def _now(self) -> float:
        """The time of this look. If a look is late, heartbeats may be late for the same reason."""
        now = self._clock()
        if now - self._looked > self._patience.pulse.total_seconds():
            self._memory.forget()
        self._looked = now
        return now

    def _observe(self, run: Run, heartbeat: str | None, worker: Worker, now: float) -> Observation:
        its_run, its_worker = _things(run)
        limit = 2 * worker.every + self._patience.worker.total_seconds()
        return Observation(
            silence=self._memory.silence(its_run, heartbeat, now),
            heard=heartbeat is not None,
            worker_gone=bool(run.pool) and self._memory.silence(its_worker, worker.reported, now) >= limit,
        )

    def _reason(self, run: Run, observed: Observation, beat: float) -> str:
        if run.state.type == PENDING:
            return lost_before_running(run, observed, self._patience) if run.deployment and run.pool else ""
        if not is_silent(observed, beat, self._patience):
            return ""
        return lost_while_running(observed, lambda: self._heartbeats.is_known(run))

    def _bring_back(self, passed: Passed) -> None:
        """Crashed runs are scheduled again or given up."""
        crashed = self._server.crashed(RECENTLY)
        self._settled &= {run.state.id for run in crashed}
        for run in crashed:
            if run.state.id not in self._settled:
                with passed.over(run):
                    self._settle(run)
                    self._settled.add(run.state.id)

    def _settle(self, run: Run) -> None:
        history = self._server.history(run)
        if not history or history[-1].id != run.state.id:
            return  # somebody was quicker
        verdict = after_crash(run, history, self._retries, self._patience)
        if isinstance(verdict, Retry):
            self._log_change(run, verdict.message, self._server.retry(run, verdict))
        elif verdict:
            self._log_change(run, verdict.message, self._server.give_up(run, verdict))

    def _log_change(self, run: Run, message: str, refused: str) -> None:
        why_not = f" (the server refused: {refused})" if refused else ""
        self._log.info("flow run %s %s: %s%s", run.name, run.id, message, why_not)


def _things(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is remembered for a run: itself in its present state, and its worker."""
    return ("run", run.id, run.state.id), ("worker", run.pool, run.worker)
