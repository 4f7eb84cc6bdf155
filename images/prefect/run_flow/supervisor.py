"""The parent: Prefect's `flow-run execute`, for which the forked child is the process that it starts."""

import asyncio
import signal
from collections.abc import Callable

import anyio._backends._asyncio  # noqa: F401  # both processes need it, so it is loaded before the fork
from prefect.cli import flow_run as stock
from prefect.runner import _starter_engine

from run_flow import cancelling, tls
from run_flow.standby import Order, Standby


def execute() -> None:
    """Watches the run of PREFECT__FLOW_RUN_ID until it is over, with processes of Prefect's own."""
    cancelling.keep_watching()
    asyncio.run(stock.execute())


def execute_forked(run: Callable[[Order], int]) -> None:
    """The same, with a child that is forked now, and gets its orders when Prefect would start a process."""
    tls.share_contexts()
    child = Standby(run)
    # If PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR is set, Prefect handles the signal. Otherwise the run must report
    # that it crashed, so it needs the signal.
    signal.signal(signal.SIGTERM, lambda number, _: child.signal(number))
    vars(_starter_engine)["run_process"] = child.start
    execute()
