"""Cancelling after an outage of the API, by Prefect's own observer."""

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect._internal import _observation_delivery, observers
from run_flow import cancelling

from agent import process_worker

RUN = uuid.uuid4()
FAILURES = 12  # Prefect gives up after three
REQUEST = httpx.Request("POST", "http://server/api/flow_runs/filter")


class Api:
    """No events, and no answers at first: not reachable, then an error of the proxy in front of it."""

    def __init__(self) -> None:
        self.asked = 0

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def read_flow_runs(self, **_: object) -> list[Any]:
        self.asked += 1
        if self.asked <= FAILURES / 2:
            raise httpx.ConnectError("All connection attempts failed")
        if self.asked <= FAILURES:
            raise httpx.HTTPStatusError("404", request=REQUEST, response=httpx.Response(404, request=REQUEST))
        return [SimpleNamespace(id=RUN)]


class NoEvents:
    async def __aenter__(self) -> "NoEvents":
        raise ConnectionRefusedError

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""


async def cancelled_after_an_outage() -> uuid.UUID:
    heard: asyncio.Future[uuid.UUID] = asyncio.get_running_loop().create_future()

    def cancel(flow_run_id: uuid.UUID) -> None:
        heard.set_result(flow_run_id)

    observer = observers.FlowRunCancellingObserver(
        on_cancelling=cancel,
        polling_interval=0.01,
        on_failure=lambda _: heard.set_exception(AssertionError("it gave up")),
    )
    observer.add_in_flight_flow_run_id(RUN)
    async with observer:
        return await asyncio.wait_for(heard, timeout=60)


@pytest.fixture(params=["the process that watches a run", "the process worker"])
def patched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = cancelling.ask_again_and_again if "watches" in request.param else process_worker.ask_again_and_again
    monkeypatch.setattr(_observation_delivery, "critical_service_loop", loop)


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "get_client", Api)
    monkeypatch.setattr(observers, "get_events_subscriber", lambda **_: NoEvents())


def test_a_run_can_be_cancelled_after_an_outage(patched: None) -> None:
    assert asyncio.run(cancelled_after_an_outage()) == RUN


def test_prefect_itself_gives_up() -> None:
    """If this fails, the replacement is not needed any more."""
    with pytest.raises(AssertionError, match="it gave up"):
        asyncio.run(cancelled_after_an_outage())


def test_what_is_replaced_is_what_prefect_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_observation_delivery, "critical_service_loop", None)
    cancelling.keep_watching()
    assert vars(_observation_delivery)["critical_service_loop"] is cancelling.ask_again_and_again
