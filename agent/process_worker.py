"""Prefect's process worker, made to let its runs end: `python process_worker.py --pool agent_pool`.

`prefect worker start` exits within seconds of a SIGTERM, which it treats as a SIGINT (3.9.1:
`setup_signal_handlers_worker` in utilities/processutils). Its runs are processes below it, so they die with it and have
to begin again. This one takes no more runs after the signal and exits when the last of its runs has ended; the
program that stops it decides how long to wait before a SIGKILL.
"""

import argparse
import asyncio
import json
import logging
import random
import secrets
import signal
import socket
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect._internal import _observation_delivery
from prefect.workers.process import ProcessWorker

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse


log = logging.getLogger("prefect.workers.process")

# Prefect notes that this class serves work pools of the type `process` in place of its own: that is the purpose.
warnings.filterwarnings("ignore", message="Type 'DrainingProcessWorker'")


class DrainingProcessWorker(ProcessWorker):
    """A process worker that can stop taking runs. It must have a `limit`, whose slots tell how many runs it has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()

    async def get_and_submit_flow_runs(self) -> list["FlowRun"]:
        """Called at every poll. Once draining, it only looks whether the last run has given back its slot."""
        if not self.draining.is_set():
            return await super().get_and_submit_flow_runs()
        if self.limiter.borrowed_tokens == 0:
            self.drained.set()
        return []

    async def _submit_scheduled_flow_runs(self, flow_run_response: list["WorkerFlowRunResponse"]) -> list["FlowRun"]:
        """Takes none of the runs that the server gave out just before the signal."""
        return [] if self.draining.is_set() else await super()._submit_scheduled_flow_runs(flow_run_response)


async def ask_again_and_again(workload: Callable[[], Awaitable[None]], interval: float, **_: object) -> None:
    """Asks the API which runs users cancel, while the websocket that reports them is down.

    Prefect stops after three questions without an answer, half a minute, and from then on cancels none of the runs
    that it has (3.9.1: `ObservationDelivery` in _internal/_observation_delivery.py). As `run_flow.cancelling` in the
    containers of runs; here again, because the image of this worker may be one that was built earlier.
    """
    failed = False
    while True:
        try:
            await workload()
            failed = False
        except Exception as error:  # whatever the API or a proxy answers during an outage
            if not failed:
                log.warning("cannot ask the API which runs are cancelled (%s); asks again until it answers", error)
            failed = True
        await asyncio.sleep(interval * random.uniform(0.7, 1.3))  # noqa: S311


async def serve(worker: DrainingProcessWorker) -> None:
    """Runs the worker until it fails, is interrupted, or has drained after a SIGTERM."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, drain, worker)
    working = asyncio.create_task(worker.start(with_healthcheck=True))
    drained = asyncio.create_task(worker.drained.wait())
    await asyncio.wait({working, drained}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, drained):
        task.cancel()
    await asyncio.gather(working, return_exceptions=drained.done() and not drained.cancelled())


def drain(worker: DrainingProcessWorker) -> None:
    print(f"SIGTERM: no more runs; {worker.limiter.borrowed_tokens:.0f} to end", flush=True)
    worker.draining.set()


def main() -> None:
    given = arguments()
    template = json.loads(given.base_job_template.read_text(encoding="utf-8"))
    # Never the name of one before it: a run that a killed worker had taken would seem to be in good hands.
    name = f"ProcessWorker {socket.gethostname()}-{secrets.token_hex(4)}"
    worker = DrainingProcessWorker(given.pool, name=name, limit=given.limit, base_job_template=template)
    vars(_observation_delivery)["critical_service_loop"] = ask_again_and_again
    asyncio.run(serve(worker))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pool", required=True, help="work pool, made from the template where there is none")
    parser.add_argument("--limit", type=int, required=True, help="runs at a time")
    parser.add_argument("--base-job-template", type=Path, required=True, metavar="FILE", help="JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
