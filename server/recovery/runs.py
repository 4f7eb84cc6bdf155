"""Flow runs and their past states, from the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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


def run(answer: Any) -> Run:
    """A run from the API's answer. Raises the errors of what has another form."""
    present = state(answer["state"])
    return Run(
        id=str(answer["id"]),
        name=str(answer["name"]),
        state=present,
        due=moment(answer["expected_start_time"]) if answer["expected_start_time"] else present.since,
        deployment=str(answer["deployment_id"] or ""),
        pool=str(answer["work_pool_name"] or ""),
        worker=_worker(answer["labels"]),
    )


def state(answer: Any) -> State:
    """A state from the API's answer. Raises the errors of what has another form."""
    return State(
        id=str(answer["id"]),
        type=str(answer["type"]),
        name=str(answer["name"]),
        message=str(answer["message"] or ""),
        since=moment(answer["timestamp"]),
    )


def _worker(labels: Any) -> str:
    """Labels are anybody's: odd ones name no worker."""
    return str(labels.get(WORKER_LABEL) or "") if isinstance(labels, dict) else ""


def moment(text: Any) -> datetime:
    """A time of the API; one that names no zone is in UTC."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)
