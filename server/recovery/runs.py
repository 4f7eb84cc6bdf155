"""Flow runs and their past states, from the API."""

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
    """A flow run, `due` since then. Without a `deployment` only its caller can start it. `pool` and `worker` are
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


def run(answer: dict[str, Any]) -> Run:
    """A run from the API's answer."""
    return Run(
        id=answer["id"],
        name=answer["name"],
        state=state(answer["state"]),
        due=datetime.fromisoformat(answer["expected_start_time"]),
        deployment=answer["deployment_id"] or "",
        pool=answer["work_pool_name"] or "",
        worker=str((answer["labels"] or {}).get(WORKER_LABEL, "")),
    )


def state(answer: dict[str, Any]) -> State:
    """A state from the API's answer."""
    return State(
        id=answer["id"],
        type=answer["type"],
        name=answer["name"],
        message=answer["message"] or "",
        since=datetime.fromisoformat(answer["timestamp"]),
    )
