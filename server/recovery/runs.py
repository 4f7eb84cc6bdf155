"""Flow runs, and the states that they went through, as the API tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

RUNNING, PENDING, CRASHED, SCHEDULED = "RUNNING", "PENDING", "CRASHED", "SCHEDULED"
WORKER_LABEL = "prefect.worker.name"


@dataclass(frozen=True)
class State:
    """A state of a run: its type, its name, which is the type's or one of the same meaning, and since when."""

    id: str
    type: str
    name: str
    message: str
    since: datetime


@dataclass(frozen=True)
class Run:
    """A flow run, `due` since then. Without a `deployment` nobody can start it but its caller. `pool` and `worker` are
    empty where none took it; `worker` may be the one of an earlier attempt until the state is called Submitting."""

    id: str
    name: str
    state: State
    due: datetime
    deployment: str
    pool: str
    worker: str

    @property
    def resource(self) -> str:
        """What its events are about."""
        return f"prefect.flow-run.{self.id}"


def run(told: dict[str, Any]) -> Run:
    """A run from the API's answer."""
    return Run(
        id=told["id"],
        name=told["name"],
        state=state(told["state"]),
        due=datetime.fromisoformat(told["expected_start_time"]),
        deployment=told["deployment_id"] or "",
        pool=told["work_pool_name"] or "",
        worker=str((told["labels"] or {}).get(WORKER_LABEL, "")),
    )


def state(told: dict[str, Any]) -> State:
    """A state from the API's answer."""
    return State(
        id=told["id"],
        type=told["type"],
        name=told["name"],
        message=told["message"] or "",
        since=datetime.fromisoformat(told["timestamp"]),
    )
