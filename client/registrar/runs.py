"""Runs of a deployment, started and followed to their end."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from registrar import api
from registrar.errors import RegistrarError

POLL_S = 1.0
PAGE = 200  # the server gives no more at once
COMPLETED = "Completed"


@dataclass(frozen=True)
class Order:
    """How many runs, with which parameters, followed for how long; `once`: none where one is Completed already."""

    count: int
    parameters: dict[str, Any]
    timeout_s: float
    once: bool


def run(deployment: str, order: Order, wait_s: float) -> bool:
    """Whether all the runs that are asked for end Completed in time."""
    with api.connect(wait_s) as client, api.refusals(deployment):
        try:
            identity = client.read_deployment_by_name(deployment).id
        except ObjectNotFound:
            raise RegistrarError(f"{deployment}: no such deployment; see: prefect deployment ls") from None
        if order.once and (earlier := last_completed(client, identity)):
            print(f"{deployment}: left, {earlier.name} is Completed")
            return True
        ids = [
            client.create_flow_run_from_deployment(identity, parameters=order.parameters).id for _ in range(order.count)
        ]
        runs = follow(client, deployment, ids, order.timeout_s)
    print(summary(runs))
    return all(run.state_name == COMPLETED for run in runs)


def last_completed(client: SyncPrefectClient, deployment_id: UUID) -> FlowRun | None:
    """A run of the deployment that is Completed."""
    completed = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[COMPLETED])))
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
    found = client.read_flow_runs(
        flow_run_filter=completed, deployment_filter=of_it, sort=FlowRunSort.END_TIME_DESC, limit=1
    )
    return found[0] if found else None


def parse(parameters: str) -> dict[str, Any]:
    """The parameters from their JSON. Raises RegistrarError."""
    try:
        values = json.loads(parameters)
    except ValueError as error:
        raise RegistrarError(f"--parameters: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RegistrarError('--parameters: write a JSON object, such as {"months": [1, 2]}')
    return values


def follow(client: SyncPrefectClient, deployment: str, ids: list[UUID], timeout_s: float) -> list[FlowRun]:
    """The runs, once all have ended or the time is over; a line whenever something moved."""
    ends, printed = time.monotonic() + timeout_s, ""
    while True:
        runs = read(client, ids)
        if (news := f"{deployment}: {counts(runs)}") != printed:
            print(printed := news, file=sys.stderr, flush=True)
        if all(run.state and run.state.is_final() for run in runs) or time.monotonic() > ends:
            return runs
        time.sleep(POLL_S)


def read(client: SyncPrefectClient, ids: list[UUID]) -> list[FlowRun]:
    """The runs of these ids."""
    pages = (FlowRunFilterId(any_=ids[start : start + PAGE]) for start in range(0, len(ids), PAGE))
    answers = (
        client.read_flow_runs(flow_run_filter=FlowRunFilter(id=page), sort=FlowRunSort.NAME_ASC, limit=PAGE)
        for page in pages
    )
    return [run for answer in answers for run in answer]


def counts(runs: list[FlowRun]) -> str:
    """`57 Completed, 3 Running`"""
    return ", ".join(f"{count} {name}" for name, count in Counter(run.state_name for run in runs).most_common())


def summary(runs: list[FlowRun]) -> str:
    """The counts, and a line for each run that did not complete."""
    others = [run for run in runs if run.state_name != COMPLETED]
    lines = [f"{run.name} ({run.id}): {run.state_name}: {run.state.message if run.state else ''}" for run in others]
    return "\n".join([counts(runs), *lines])
