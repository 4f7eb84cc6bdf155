"""Runs that the server's scheduler has made ahead of their time.

Their times are those of the schedule when they were made, and of the version of Prefect that made them. The time is in
a run's idempotency key: if the schedule has another time later, the server adds a run and leaves the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from registrar.outcome import REMOVED, Outcome
from registrar.timing import run_times

KIND = "scheduled runs"
BY_SCHEDULE = "SCHEDULE"  # of `created_by`, as the server's scheduler writes it
SCHEDULED = "Scheduled"
PAGE = 200


def read(client: SyncPrefectClient, deployment_id: UUID) -> list[FlowRun]:
    """Those of a deployment that wait for a time that their schedule gave them."""
    return [run for run in _waiting(client, deployment_id) if _time(run)]


def _waiting(client: SyncPrefectClient, deployment_id: UUID) -> Iterator[FlowRun]:
    only = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[SCHEDULED])))
    of = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
    offset = 0
    while page := client.read_flow_runs(
        flow_run_filter=only, deployment_filter=of, sort=FlowRunSort.ID_DESC, limit=PAGE, offset=offset
    ):
        yield from page
        offset += len(page)


def _time(run: FlowRun) -> datetime | None:
    """The time that its schedule gave it; None for a run of another origin, or that a person gave another time."""
    made_by = run.created_by
    if not run.auto_scheduled or run.run_count or not made_by or made_by.type != BY_SCHEDULE:
        return None
    try:
        time = datetime.fromisoformat((run.idempotency_key or "").split(" ", 3)[3])
    except (IndexError, ValueError):
        return None
    return time if time.tzinfo and time == run.next_scheduled_start_time else None


def remove_others(
    client: SyncPrefectClient, deployment: str, runs: list[FlowRun], schedules: list[DeploymentSchedule]
) -> Iterator[Outcome]:
    """Remove the runs that none of these schedules makes, and say how many there were.

    The server removes some of them itself when a schedule is changed: they are counted as well.
    """
    kept = [schedule for schedule in schedules if schedule.active]
    others = [run for schedule_id, mine in _by_schedule(runs).items() for run in _others(schedule_id, mine, kept)]
    for run in others:
        with suppress(ObjectNotFound):
            client.delete_flow_run(run.id)
    if others:
        yield Outcome(KIND, deployment, f"{REMOVED}: {len(others)}")


def _by_schedule(runs: list[FlowRun]) -> dict[str, list[FlowRun]]:
    found: dict[str, list[FlowRun]] = {}
    for run in runs:
        found.setdefault(str(run.created_by.id if run.created_by else ""), []).append(run)
    return found


def _others(schedule_id: str, runs: list[FlowRun], schedules: list[DeploymentSchedule]) -> list[FlowRun]:
    """Of the runs of one schedule, those that it does not make."""
    schedule = next((each for each in schedules if str(each.id) == schedule_id), None)
    times = {run.id: time for run in runs if (time := _time(run))}
    made = _made(schedule.schedule, min(times.values()), max(times.values())) if schedule and times else set()
    return [run for run in runs if run.id in times and times[run.id] not in made]


def _made(timing: Any, start: datetime, end: datetime) -> set[datetime]:
    """The times of a schedule from `start` to `end`, by the server's own code of this version."""
    # Loads SQLAlchemy: only a deployment with runs ahead needs it.
    from prefect.server.schemas.schedules import SCHEDULE_TYPES
    from pydantic import TypeAdapter

    schedule = TypeAdapter(SCHEDULE_TYPES).validate_python(timing.model_dump())
    start, end = (datetime.fromtimestamp(time.timestamp(), UTC) for time in (start, end))
    return set(run_times.times(schedule, start, end))
