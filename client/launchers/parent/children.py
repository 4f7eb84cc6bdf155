"""The child runs of a parent run: made, found again, read and cancelled on the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect import Task
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling, Pending, Scheduled

from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity
from launchers.parent.plan import PlannedStep


@dataclass(frozen=True)
class Children:
    """The children of one attempt of a parent run; `name` is that run's."""

    client: SyncPrefectClient
    parent: RunIdentity
    name: str

    def check(self, steps: Iterable[PlannedStep]) -> None:
        """Raises LaunchError for every step whose deployment the server does not have."""
        missing = {name for name in {step.deployment for step in steps} if self._deployment(name) is None}
        lines = [
            f"{step}: the server has no deployment {step.deployment!r}, which runs the steps of {step.environment}: "
            "register it, or send the step elsewhere with hpc_type"
            for step in steps
            if step.deployment in missing
        ]
        if lines:
            raise LaunchError("\n".join(lines))

    def attempts(self, step: PlannedStep) -> list[FlowRun]:
        """The step's runs, the first attempt first: no attempt of the parent makes more than one."""
        keys = [self._key(step, attempt) for attempt in range(1, self.parent.attempt + 1)]
        wanted = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys))
        found = {run.idempotency_key: run for run in self.client.read_flow_runs(flow_run_filter=wanted)}
        return [found[key] for key in keys if key in found]

    def begin(self, step: PlannedStep, attempt: int, prev_flow_run_id: str) -> FlowRun:
        """A run of the step's deployment, or the one that this attempt of the step has already.

        Like `run_deployment`. That function numbers the task runs that represent children from the start again when a
        parent restarts, so the UI would show a new child in place of an old one. Here both have the same key.
        """
        deployment = self._deployment(step.deployment)
        if deployment is None:  # it was there when the parent began
            raise LaunchError(f"the server has no deployment {step.deployment!r} any more")
        try:
            return self.client.create_flow_run_from_deployment(
                deployment,
                parameters={**step.parameters, "prev_flow_run_id": prev_flow_run_id},
                state=Scheduled(),
                name=f"{self.name}-{step.name}" + (f"-{attempt}" if attempt > 1 else ""),
                idempotency_key=self._key(step, attempt),
                parent_task_run_id=self._place(step, attempt),
            )
        except PrefectHTTPStatusError as error:
            if error.response.is_server_error:
                raise
            raise LaunchError(f"the server refused a run of {step.deployment!r}: {error}") from None

    def read(self, runs: Sequence[FlowRun]) -> dict[UUID, FlowRun]:
        """The runs as they are now, by id."""
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run.id for run in runs]))
        return {run.id: run for run in self.client.read_flow_runs(flow_run_filter=wanted)}

    def _key(self, step: PlannedStep, attempt: int) -> str:
        return f"{self.parent.flow_run_id}/{step.name}/{attempt}"

    def _deployment(self, name: str) -> UUID | None:
        try:
            return self.client.read_deployment_by_name(name).id
        except ObjectNotFound:
            return None

    def _place(self, step: PlannedStep, attempt: int) -> UUID:
        """The task run of the parent that stands for the child; it takes over each state of the child."""
        run = self.client.create_task_run(
            Task(lambda: None, name=str(step)),
            flow_run_id=UUID(self.parent.flow_run_id),
            dynamic_key=self._key(step, attempt),
            name=str(step),
            state=Pending(),
        )
        return run.id


def cancel_children(client: SyncPrefectClient, parent: FlowRun) -> list[FlowRun]:
    """Cancels the parent's children that are not over, and returns them."""
    wanted = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent.id]))
    alive = [run for run in client.read_flow_runs(flow_run_filter=wanted) if not (run.state and run.state.is_final())]
    for run in alive:
        client.set_flow_run_state(run.id, Cancelling(message=f"The parent flow run {parent.name} was cancelled."))
    return alive
