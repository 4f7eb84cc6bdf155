"""A run can be cancelled after any outage of the API.

The process that watches a run learns by a websocket that a user cancels it, and asks every ten seconds while that is
down. After three questions without an answer, about half a minute, Prefect stops asking and does not connect again: the
log says `flow run cancellation will fail`, and so it does, for as long as the run takes (3.9.1: `ObservationDelivery`
in _internal/_observation_delivery.py). Here it goes on asking, and with that also goes on connecting.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from prefect._internal import _observation_delivery

JITTER = 0.3

log = logging.getLogger("prefect.run_flow.cancelling")


async def ask_again_and_again(workload: Callable[[], Awaitable[None]], interval: float, **_: object) -> None:
    """In place of `critical_service_loop`, which gives up."""
    failed = False
    while True:
        try:
            await workload()
            failed = False
        except Exception as error:  # whatever the API or a proxy answers during an outage
            if not failed:
                log.warning("cannot ask the API whether the run is cancelled (%s); asks again until it answers", error)
            failed = True
        await asyncio.sleep(interval * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311


def keep_watching() -> None:
    vars(_observation_delivery)["critical_service_loop"] = ask_again_and_again
