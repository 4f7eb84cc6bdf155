"""What becomes of a run, by its observations."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest
from recovery.recovery_env import Patience
from recovery.runs import Run, State
from recovery.verdict import (
    GiveUp,
    Observation,
    Retry,
    after_crash,
    is_silent,
    lost_before_running,
    lost_while_running,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DUE = NOW - timedelta(minutes=9)
KILLED = "Flow run infrastructure exited with non-zero status code 137."
PATIENCE = Patience()


def state(type_: str, message: str = "", name: str = "") -> State:
    return State(id=f"{type_}-{message}", type=type_, name=name or type_.title(), message=message, since=NOW)


def run(now: State, deployment: str = "d", pool: str = "p", worker: str = "ProcessWorker a") -> Run:
    return Run(id="r", name="r", state=now, due=DUE, deployment=deployment, pool=pool, worker=worker)


def seen(silence: float, heard: bool = True, worker_gone: bool = False) -> Observation:
    return Observation(silence, heard, worker_gone)


def never_asked() -> NoReturn:
    raise AssertionError("the API is asked only where nothing else decides")


def test_a_run_may_miss_one_heartbeat_and_be_late_with_the_next() -> None:
    assert not is_silent(seen(74.9), 30, PATIENCE)
    assert is_silent(seen(75), 30, PATIENCE)
    assert not is_silent(seen(449), 180, PATIENCE)


def test_without_its_worker_a_run_is_missed_sooner() -> None:
    assert not is_silent(seen(59.9, worker_gone=True), 30, PATIENCE)
    assert is_silent(seen(60, worker_gone=True), 30, PATIENCE)


def test_a_silent_run_that_was_heard_has_crashed_and_the_message_says_why() -> None:
    assert lost_while_running(seen(75.4), never_asked) == (
        "No heartbeat for 75 s: its process, its container or its worker was killed, or cannot reach the API any more"
    )


@pytest.mark.parametrize(
    ("worker_gone", "is_known", "lost"),
    [(False, lambda: False, False), (False, lambda: True, True), (True, never_asked, True)],
)
def test_of_a_run_that_was_not_heard_its_worker_and_its_deployment_decide(
    worker_gone: bool, is_known: Callable[[], bool], lost: bool
) -> None:
    assert bool(lost_while_running(seen(80, heard=False, worker_gone=worker_gone), is_known)) == lost


@pytest.mark.parametrize("heard", [True, False])
def test_a_run_that_its_worker_holds_is_waited_for_as_long_as_that_lives(heard: bool) -> None:
    pending = run(state("PENDING", name="Submitting"))
    assert lost_before_running(pending, seen(3600, heard), PATIENCE) == ""
    assert lost_before_running(pending, seen(59.9, heard, worker_gone=True), PATIENCE) == ""
    assert lost_before_running(pending, seen(60, heard, worker_gone=True), PATIENCE) == (
        "ProcessWorker a was killed, or cannot reach the API any more, before the run began"
    )


@pytest.mark.parametrize("worker", ["", "ProcessWorker of an earlier attempt"])
def test_a_run_that_nobody_took_further_is_lost(worker: str) -> None:
    pending = run(state("PENDING"), worker=worker)
    assert lost_before_running(pending, seen(89, worker_gone=True), PATIENCE) == ""
    assert lost_before_running(pending, seen(90), PATIENCE) == "Taken by a worker 90 s ago, which never went on"


def crashed(times: int, message: str = KILLED) -> list[State]:
    attempt = [state("SCHEDULED"), state("PENDING"), state("RUNNING"), state("CRASHED", message)]
    return attempt * times


@pytest.mark.parametrize(
    ("times", "at"),
    [
        (1, DUE),
        (2, NOW + timedelta(seconds=30)),
        (3, NOW + timedelta(seconds=180)),
        (4, NOW + timedelta(seconds=300)),
        (5, NOW + timedelta(seconds=300)),
    ],
)
def test_a_crashed_run_has_its_place_again_and_after_further_crashes_a_later_one(times: int, at: datetime) -> None:
    history = crashed(times)
    assert after_crash(run(history[-1]), history, 5, PATIENCE) == Retry(
        at, f"Runs again, retry {times} of 5, since it crashed: {KILLED}"
    )


@pytest.mark.parametrize("retries", [2, 1])
def test_a_run_that_crashes_again_and_again_is_over_and_says_why(retries: int) -> None:
    history = crashed(3)
    assert after_crash(run(history[-1]), history, retries, PATIENCE) == GiveUp(
        f"Crashed 3 times and is not run again (MAX_CRASH_RETRIES={retries}). The last time: {KILLED}"
    )


def test_it_is_told_once() -> None:
    history = crashed(3)
    verdict = after_crash(run(history[-1]), history, 2, PATIENCE)
    assert isinstance(verdict, GiveUp)
    told = [*history, state("CRASHED", verdict.message)]
    assert after_crash(run(told[-1]), told, 2, PATIENCE) is None


def test_a_run_that_somebody_retried_by_hand_and_that_crashes_once_more_is_over() -> None:
    told = state("CRASHED", f"Crashed 3 times and is not run again (MAX_CRASH_RETRIES=2). The last time: {KILLED}")
    history = [*crashed(3), told, *crashed(1)]
    verdict = after_crash(run(history[-1]), history, 2, PATIENCE)
    assert isinstance(verdict, GiveUp)
    assert verdict.message.startswith("Crashed 4 times ")


def test_a_crash_that_is_told_again_of_a_run_that_waits_is_no_other_one() -> None:
    history = [*crashed(1), state("SCHEDULED"), state("CRASHED", KILLED)]
    assert after_crash(run(history[-1]), history, 2, PATIENCE) == Retry(
        DUE, f"Runs again, retry 1 of 2, since it crashed: {KILLED}"
    )


def test_a_crash_without_a_reason_says_so() -> None:
    history = crashed(1, message="")
    verdict = after_crash(run(history[-1]), history, 2, PATIENCE)
    assert isinstance(verdict, Retry)
    assert verdict.message == "Runs again, retry 1 of 2, since it crashed: no reason is given"


def test_what_nobody_can_start_or_nobody_wants_again_stays_crashed() -> None:
    history = crashed(1)
    assert after_crash(run(history[-1], deployment=""), history, 2, PATIENCE) is None
    assert after_crash(run(history[-1]), history, 0, PATIENCE) is None
