"""One odd thing in the API's answers is named once and passed over; the pass goes on with the others."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from recovery.pulse import Heartbeats
from recovery.recovery_env import read_recovery_env
from recovery.server import Server
from recovery.watch import Watch
from recovery.workers import Workers
from site_service import passing_over
from site_service.errors import ServiceError
from site_service.passes import Passes
from site_service.rest import Rest, RestEnv

VARIABLE = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
ENV = read_recovery_env({"PREFECT_API_URL": "http://server:4200/api", "MAX_CRASH_RETRIES": "2"})
NOW = datetime.now(UTC)
ODD: list[Any] = [None, "text", 3, [], [3], {}, {"name": "x"}, {"id": None}, {"name": []}]
ODD_TEMPLATES: list[Any] = [
    None,
    [],
    "text",
    {"variables": ["env"]},
    {"variables": {"properties": ["env"]}},
    {"variables": {"properties": {"env": ["A=B"]}}},
    {"variables": {"properties": {"env": {"default": ["A=B"]}}}},
    {"variables": {"properties": {"env": {"default": {VARIABLE: "0"}}}}},
]


@pytest.fixture(autouse=True)
def forgotten() -> None:
    passing_over._said.clear()


def template(seconds: str) -> dict[str, Any]:
    return {"variables": {"properties": {"env": {"default": {VARIABLE: seconds}}}}}


def run(identity: str, **more: Any) -> dict[str, Any]:
    state = {"id": f"s-{identity}", "type": "RUNNING", "name": "Running", "message": "", "timestamp": NOW.isoformat()}
    return {
        "id": identity,
        "name": identity,
        "state": state,
        "expected_start_time": NOW.isoformat(),
        "deployment_id": "d",
        "work_pool_name": "good",
        "labels": {},
    } | more


class Answers:
    """A server that answers each path with what is set here."""

    def __init__(self, **more: Any) -> None:
        self.crashed: list[str] = []
        self.refuses: dict[str, int] = {}
        self.runs: list[Any] = []
        self.by_path: dict[str, Any] = {
            "/work_pools/filter": [{"name": "good", "base_job_template": template("30")}],
            "/work_pools/good/workers/filter": [],
            "/events": None,
            "/events/filter": {"events": [{}]},
        } | more

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        if path == "/flow_runs/filter":
            return httpx.Response(200, json=self.runs if b"RUNNING" in request.content else [])
        if path == "/events/count-by/resource":
            own = {"value": "site.recovery", "end_time": datetime.now(UTC).isoformat()}
            return httpx.Response(200, json=[*ODD, {"value": "r", "end_time": "soon"}, own])
        if path.endswith("/set_state"):
            identity = path.split("/")[2]
            self.crashed.append(identity)
            return httpx.Response(self.refuses.get(identity, 200), json={"status": "ACCEPT"})
        return httpx.Response(200, json=self.by_path[path])

    def rest(self) -> Rest:
        made = Rest(RestEnv("http://server/api", "", ""))
        made._http = httpx.Client(transport=httpx.MockTransport(self))
        return made

    def watch(self, time: list[float]) -> Watch:
        rest = self.rest()
        return Watch(Server(rest), Heartbeats(rest, ENV.patience), Workers(rest), ENV, lambda: time[0])


def passes(answers: Answers, seconds: int = 100) -> None:
    time = [1000.0]
    watch = answers.watch(time)
    for _ in range(seconds // 5):
        time[0] += 5
        watch.once()


@pytest.mark.parametrize("odd", ODD_TEMPLATES, ids=repr)
def test_an_odd_work_pool_has_prefects_default_and_the_others_their_own(
    odd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pools = [{"name": "odd", "base_job_template": odd}, {"name": "good", "base_job_template": template("30")}]
    beats = Workers(Answers(**{"/work_pools/filter": pools}).rest()).beats
    assert [beats(), beats()] == [{"odd": 180.0, "good": 30.0}] * 2
    (line,) = caplog.messages
    assert line.startswith("passed over the base job template of the work pool odd, which is not as it should be: ")


def test_every_odd_thing_is_passed_over_and_the_silent_run_is_crashed() -> None:
    answers = Answers(
        **{
            "/work_pools/filter": [*ODD, {"name": "good", "base_job_template": template("30")}],
            "/work_pools/good/workers/filter": [*ODD, {"name": "w", "heartbeat_interval_seconds": "often"}],
        }
    )
    odd_runs = [run("a", state=None), run("b", state={"type": []}), run("c", expected_start_time="soon")]
    answers.runs = [*ODD, *odd_runs, run("silent", labels=["a"], expected_start_time=None)]
    passes(answers)
    assert set(answers.crashed) == {"silent"}


def test_a_run_that_the_server_cannot_change_does_not_stop_the_others() -> None:
    answers = Answers()
    answers.runs, answers.refuses = [run("first"), run("second")], {"first": 500}
    with pytest.raises(ServiceError, match="answered 500"):
        passes(answers)
    assert answers.crashed == ["first", "second"]


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={"a": 1})])
def test_an_answer_of_another_form_is_one_of_no_api(answer: httpx.Response) -> None:
    rest = Answers().rest()
    rest._http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(ServiceError, match=r"something else than JSON|gave no list"):
        list(rest.every("/work_pools/filter"))


def test_what_nobody_expected_ends_a_pass_and_not_the_service(tmp_path: Path) -> None:
    def make() -> None:
        raise RuntimeError("never seen before")

    health = tmp_path / "healthy"
    assert Passes(make, timedelta(seconds=1), health, (ServiceError,), logging.getLogger("recovery")).once() is False
    assert not health.exists()
