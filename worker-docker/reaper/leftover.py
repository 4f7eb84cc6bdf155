"""What may have been left behind, and whether it was: a pure judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reaper.flow_runs import FlowRun


@dataclass(frozen=True)
class Leftover:
    """A container or a parameters directory. `attempt` is None where it is not known (a worker's own container);
    `idle_since` is None while the container runs."""

    name: str
    flow_run_id: str
    attempt: int | None
    idle_since: datetime | None


def reason_to_remove(leftover: Leftover, run: FlowRun | None, before: datetime) -> str:
    """Why it must be removed, or nothing. `run` is None where the API does not know the flow run.

    What ended after `before` stays a little: a worker may still read the container's log and exit code. What the
    API does not know and still runs stays too: it may be another server's.
    """
    if run is None:
        idle = leftover.idle_since is not None and leftover.idle_since < before
        return "is not known to the API" if idle else ""
    if leftover.attempt is not None and leftover.attempt < run.run_count:
        return f"is in its attempt {run.run_count}"
    return f"is {run.state}" if run.ended is not None and run.ended < before else ""
