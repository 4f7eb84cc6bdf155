"""What becomes of a run: pure decisions from its observations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.recovery_env import Patience
from recovery.runs import CRASHED, SCHEDULED, Run, State

SUBMITTING = "Submitting"
PAUSES_GROW, LONGEST_PAUSE = 6, timedelta(minutes=5)


@dataclass(frozen=True)
class Observation:
    """Observations of a run. `silence` is the seconds since its last heartbeat, or since it was first looked at in its
    state where there was none; `heard`: there was one. `worker_gone`: its worker reports no more."""

    silence: float
    heard: bool
    worker_gone: bool


@dataclass(frozen=True)
class Retry:
    """A crashed run begins again, scheduled for `at`; `message` is that of its state AwaitingRetry."""

    at: datetime
    message: str


@dataclass(frozen=True)
class GiveUp:
    """A crashed run stays so; `message` is the last one of its state Crashed."""

    message: str


def is_silent(observed: Observation, beat: float, patience: Patience) -> bool:
    """Whether a run in Running should have been heard again; `beat` is the seconds between its heartbeats."""
    return observed.silence >= beat * (patience.beats_alone if observed.worker_gone else patience.beats)


def lost_while_running(observed: Observation, is_known: Callable[[], bool]) -> str:
    """Why a silent run has crashed, or nothing. One that was never heard may be of those that send no heartbeats;
    `is_known`: its deployment's runs do send them."""
    if not (observed.heard or observed.worker_gone or is_known()):
        return ""
    return (
        f"No heartbeat for {observed.silence:.0f} s: its process, its container or its worker was killed, or cannot "
        "reach the API any more"
    )


def lost_before_running(run: Run, observed: Observation, patience: Patience) -> str:
    """Why a run in Pending has crashed, or nothing.

    A worker that has taken a run names itself and moves on to Submitting within a moment. Then it may pull an image
    for long, or its container be on the way: for as long as it lives, it will say what became of the run.
    """
    if run.state.name != SUBMITTING:
        return (
            f"Taken by a worker {observed.silence:.0f} s ago, which never went on"
            if _is_silent_for(observed, patience.unnamed)
            else ""
        )
    if not observed.worker_gone or not _is_silent_for(observed, patience.start):
        return ""
    return f"{run.worker or 'its worker'} was killed, or cannot reach the API any more, before the run began"


def after_crash(run: Run, history: Sequence[State], max_retries: int, patience: Patience) -> Retry | GiveUp | None:
    """What becomes of a crashed run; None where that has been said, or nothing can be done.

    Its crashes are counted, and not its starts: a container that dies before the flow begins does not count as a start,
    and would be retried for ever.
    """
    if not run.deployment or not max_retries or _is_given_up(run.state.message):
        return None
    crashes = _crashes(history)
    if crashes > max_retries:
        return GiveUp(
            f"Crashed {_times(crashes)} and is not run again (MAX_CRASH_RETRIES={max_retries}). "
            f"The last time: {_reason(run)}"
        )
    return Retry(
        at=_next_start(run, crashes, patience),
        message=f"Runs again, retry {crashes} of {max_retries}, since it crashed: {_reason(run)}",
    )


def _crashes(history: Sequence[State]) -> int:
    """How many attempts crashed. A crash that is reported while a run waits for its next attempt belongs to the one
    before: a process worker notices a killed run twice, and may be late with the second time."""
    crashes, begun = 0, True
    for state in history:
        if state.type != CRASHED:
            begun = begun or state.type != SCHEDULED
        elif begun and not _is_given_up(state.message):
            crashes, begun = crashes + 1, False
    return crashes


def _next_start(run: Run, crashes: int, patience: Patience) -> datetime:
    """After the first crash at its old place in the queue, in front of those that became due later; then at the end."""
    if crashes == 1:
        return run.due
    return run.state.since + min(patience.pause * float(PAUSES_GROW ** (crashes - 2)), LONGEST_PAUSE)


def _is_silent_for(observed: Observation, limit: timedelta) -> bool:
    return observed.silence >= limit.total_seconds()


def _is_given_up(message: str) -> bool:
    return message.startswith("Crashed ") and "(MAX_CRASH_RETRIES=" in message


def _reason(run: Run) -> str:
    return run.state.message or "no reason is given"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
