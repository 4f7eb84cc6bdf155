"""A plan carried out: each step begun when what it needs is over, all of them followed to their end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from launchers.launching.errors import LaunchError
from launchers.launching.output_log import Log
from launchers.parent.children import Children
from launchers.parent.plan import PlannedStep
from launchers.parent.progress import Progress

POLL_SECONDS = 1.0
AWAY_SECONDS = 5.0

Answer = TypeVar("Answer")


@dataclass
class Conductor:
    """One attempt of a parent run.

    `crash_grace` are the seconds in which a crashed child may be brought back. `found` are the children of earlier
    attempts: whatever ended the parent may have ended them too, so one that stays Crashed is done again.
    """

    children: Children
    progress: Progress
    log: Log
    crash_grace: float
    crashes: dict[UUID, float] = field(default_factory=dict)
    found: set[UUID] = field(default_factory=set)

    def carry_out(self) -> dict[str, str]:
        """The id of each step's run, by the steps' names. Raises LaunchError where a step failed."""
        self._patiently(partial(self.children.check, self.progress.steps))
        for step in self.progress.steps:
            if step.warning:
                self.log.warning("%s: %s: it runs in %s", step, step.warning, step.environment)
        self._begin()
        while self.progress.running:
            time.sleep(POLL_SECONDS)
            self._look()
            self._begin()
        if self.progress.failed:
            raise LaunchError(self.progress.failure())
        return {name: str(run.id) for name, run in self.progress.done.items()}

    def _begin(self) -> None:
        """Begins what can begin. A step that an earlier attempt of the parent completed lets the next ones begin."""
        while ready := self.progress.ready():
            for step in ready:
                self._take_new(step, self._run_of)

    def _run_of(self, step: PlannedStep) -> FlowRun:
        """The step's run: the one that an earlier attempt of the parent left Completed or under way, or a new one."""
        attempts = self.children.attempts(step)
        if not attempts or _is_over_for_good(attempts[-1]):
            return self._new_run(step)
        self.log.info("%s: found again: %s is %s", step, _named(attempts[-1]), attempts[-1].state_name)
        self.found.add(attempts[-1].id)
        return attempts[-1]

    def _new_run(self, step: PlannedStep) -> FlowRun:
        run = self.children.begin(step, len(self.children.attempts(step)) + 1, self.progress.previous(step))
        self.log.info("%s: %s of %s", step, _named(run), step.deployment)
        return run

    def _look(self) -> None:
        """Reads the runs that go on, and takes in what became of them."""
        running = dict(self.progress.running)
        now = self._patiently(partial(self.children.read, list(running.values())))
        for step in self.progress.steps:
            if step.name in running:
                self._see(step, running[step.name], now.get(running[step.name].id))

    def _see(self, step: PlannedStep, before: FlowRun, run: FlowRun | None) -> None:
        if run is None:
            self.progress.fail(step, f"{_named(before)} was deleted")
            return
        if run.state_name != before.state_name:
            self.log.info("%s: %s is %s", step, _named(run), run.state_name)
        self._take(step, run)

    def _take_new(self, step: PlannedStep, make: Callable[[PlannedStep], FlowRun]) -> None:
        """Takes in a run that is made or found; a step that the server refuses has failed."""
        try:
            self._take(step, self._patiently(partial(make, step)))
        except LaunchError as error:
            self.progress.fail(step, str(error))

    def _take(self, step: PlannedStep, run: FlowRun) -> None:
        self.progress.running[step.name] = run
        if run.state is None or not run.state.is_final() or self._may_come_back(run):
            return
        if run.state.is_completed():
            self.progress.complete(step, run)
        elif run.state.is_crashed() and run.id in self.found:
            self._take_new(step, self._new_run)
        else:
            reason = run.state.message or "no reason is given"
            self.progress.fail(step, f"{_named(run)} of {step.deployment} ended as {run.state_name}: {reason}")

    def _may_come_back(self, run: FlowRun) -> bool:
        """Whether the run crashed so recently that the recovery may still schedule it again."""
        if not (run.state and run.state.is_crashed()):
            return False
        crashed = self.crashes.setdefault(run.state.id, time.monotonic())
        return time.monotonic() - crashed < self.crash_grace

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        """The answer to a call that can be repeated; while the server is away the children go on without it."""
        warned = False
        while True:
            try:
                return call()
            except (httpx.TransportError, PrefectHTTPStatusError) as error:
                if isinstance(error, PrefectHTTPStatusError) and not error.response.is_server_error:
                    raise LaunchError(f"the server refused it: {error}") from None
                if not warned:
                    self.log.warning("The server does not answer (%s); asking until it does", error)
                warned = True
                time.sleep(AWAY_SECONDS)


def _is_over_for_good(run: FlowRun) -> bool:
    """Whether the step needs a new run: the recovery may still schedule a crashed run again."""
    return run.state is not None and (run.state.is_failed() or run.state.is_cancelled())


def _named(run: FlowRun) -> str:
    return f"child {run.name} ({run.id})"
