"""Passes over a server whose answers are set here, on a clock that is turned here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from recovery.pulse import Heartbeats
from recovery.recovery_env import read_recovery_env
from recovery.runs import Run, State
from recovery.server import Server
from recovery.verdict import GiveUp, Retry
from recovery.watch import Watch
from recovery.workers import Worker, Workers
from site_service.errors import ServiceError

PASS_SECONDS = 5
ENV = {"PREFECT_API_URL": "http://server:4200/api", "MAX_CRASH_RETRIES": "2"}


@dataclass
class Told:
    """What the server answers, and the states that it got; `pulse`: the recovery hears itself."""

    runs: list[Run] = field(default_factory=list)
    dead: list[Run] = field(default_factory=list)
    beats: dict[str, str] = field(default_factory=dict)
    worker_alive: bool = True
    pulse: bool = True
    away: bool = False
    busy: bool = False
    known: set[str] = field(default_factory=set)
    crashed_now: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)

    def active(self, *_: str) -> list[Run]:
        if self.away:
            raise ServiceError("no API answers")
        return self.runs

    def crashed(self, within: timedelta) -> list[Run]:
        return self.dead

    def history(self, run: Run) -> list[State]:
        return [run.state]

    def crash(self, run: Run, message: str) -> str:
        self.crashed_now.append(run.id)
        return ""

    def retry(self, run: Run, verdict: Retry) -> str:
        if self.busy:
            raise ServiceError("the API answered 503", 503)
        self.begun.append(run.id)
        return ""

    def give_up(self, run: Run, verdict: GiveUp) -> str:
        raise AssertionError("nothing here crashes so often")

    def send_pulse(self) -> None:
        """Taken."""

    def last(self) -> dict[str, str]:
        return {f"prefect.flow-run.{run}": beat for run, beat in self.beats.items()} | {"": ""} if self.pulse else {}

    def is_known(self, run: Run) -> bool:
        return run.deployment in self.known


@dataclass
class World:
    """A watch, and the clock that it looks at."""

    told: Told = field(default_factory=Told)
    time: float = 1000.0

    def __post_init__(self) -> None:
        server, heartbeats = cast(Server, self.told), cast(Heartbeats, self.told)
        workers = cast(Workers, Pools(self))
        self.watch = Watch(server, heartbeats, workers, read_recovery_env(ENV), lambda: self.time)

    def passes(self, seconds: float, step: float = PASS_SECONDS) -> None:
        for _ in range(int(seconds / step)):
            self.time += step
            self.watch.once()


@dataclass
class Pools:
    """One pool, with one worker that reports every 10 s as long as it lives."""

    world: World

    def of(self, pool: str) -> dict[str, Worker]:
        reported = self.world.time // 10 if self.world.told.worker_alive else "long ago"
        return {"w": Worker(str(reported), 10)}

    def beats(self) -> dict[str, float]:
        return {"p": 30.0}


def run(type_: str, name: str = "", worker: str = "w") -> Run:
    state = State("s", type_, name or type_.title(), "", datetime.now(UTC))
    return Run("r", "r", state, datetime.now(UTC), deployment="d", pool="p", worker=worker)


@pytest.fixture
def world() -> World:
    """A run that is heard now."""
    made = World()
    made.told.runs, made.told.beats = [run("RUNNING")], {"r": "12:00:00"}
    made.passes(PASS_SECONDS)
    return made


def test_a_run_that_falls_silent_is_crashed_after_75_s_and_not_before(world: World) -> None:
    world.passes(70)
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["r"]


def test_a_run_that_is_heard_again_lives(world: World) -> None:
    for beat in ("12:00:30", "12:01:00", "12:01:30"):
        world.passes(60)
        world.told.beats = {"r": beat}
    world.passes(70)
    assert world.told.crashed_now == []


def test_a_run_in_a_new_state_begins_anew(world: World) -> None:
    world.passes(70)
    (before,) = world.told.runs
    world.told.runs = [replace(before, state=replace(before.state, id="resumed"))]
    world.passes(75)
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["r"]


def test_nobody_is_missed_while_the_recovery_does_not_hear_itself(world: World) -> None:
    world.passes(70)
    world.told.pulse = False
    world.passes(600)
    world.told.pulse = True
    world.passes(75)  # the first of these looks is the one from which on it is silent
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["r"]


def test_nobody_is_missed_after_an_api_that_was_away(world: World) -> None:
    world.passes(70)
    world.told.away = True
    with pytest.raises(ServiceError):
        world.passes(5)
    world.told.away = False
    world.passes(75)
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["r"]


def test_nobody_is_missed_after_a_look_that_came_late(world: World) -> None:
    world.passes(31, step=31)
    world.passes(70)
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["r"]


def test_a_silent_run_is_crashed_sooner_where_its_worker_is_gone(world: World) -> None:
    world.told.worker_alive = False
    world.passes(55)
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["r"]


def test_a_run_that_was_never_heard_is_missed_where_its_deployment_was() -> None:
    world = World()
    world.told.runs = [run("RUNNING"), replace(run("RUNNING"), id="of another", deployment="heard")]
    world.told.known = {"heard"}
    world.passes(75)
    assert world.told.crashed_now == []
    world.passes(5)
    assert world.told.crashed_now == ["of another"]


def test_a_worker_that_reports_keeps_its_run_and_one_that_does_not_loses_it() -> None:
    world = World()
    world.told.runs = [run("PENDING", "Submitting")]
    world.passes(600)
    assert world.told.crashed_now == []
    world.told.worker_alive = False
    world.passes(50)
    assert world.told.crashed_now == []
    world.passes(5)  # silent for 50 s, two of its reports and 30 s, since the first of these looks
    assert world.told.crashed_now == ["r"]


def test_a_crash_that_could_not_be_answered_is_answered_by_the_next_pass() -> None:
    world = World()
    world.told.dead, world.told.busy = [run("CRASHED")], True
    with pytest.raises(ServiceError):
        world.passes(5)
    assert world.told.begun == []
    world.told.busy = False
    world.passes(15)
    assert world.told.begun == ["r"]  # and once
