"""The flow behind `Parent flow/launch_parent_flow`: steps sent to conda, Slurm, Docker or Podman, one after another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from prefect import Flow, State, flow, get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed
from pydantic import Field

from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity
from launchers.parent.catalogue import read_catalogue
from launchers.parent.children import Children, cancel_children
from launchers.parent.conduct import Conductor
from launchers.parent.job_config import read_job_config
from launchers.parent.plan import plan
from launchers.parent.progress import Progress
from launchers.parent.step import Step

FLOWS = Path(__file__).resolve().parents[1]

Steps = Annotated[list[Step], Field(min_length=1)]


def cancel_steps(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Cancels the steps that are under way; a worker calls it when it has ended the parent."""
    with get_client(sync_client=True) as client:
        for child in cancel_children(client, flow_run):
            flow_run_logger(flow_run, flow).info("Cancelling child %s (%s)", child.name, child.id)


@flow(name="Parent flow", on_cancellation=[cancel_steps])
def launch_parent_flow(params_list: Steps) -> dict[str, str] | State[Any]:
    """Runs the steps and returns the flow run of each, by the steps' names.

    A step is a child flow run whose id the next one gets as `uid_retrieve`. A step that fails, crashes or is cancelled
    makes this run Failed. A run that is restarted goes on where it was: no step that is Completed runs again.
    """
    run = RunIdentity(str(runtime.flow_run.id), runtime.flow_run.run_count)
    try:
        config = read_job_config(_file("SITE_JOB_CONFIG", "config.yml"))
        steps = plan(params_list, read_catalogue(_file("SITE_CATALOGUE", "catalogue.yml")), config)
        with get_client(sync_client=True) as client:
            children = Children(client, run, str(runtime.flow_run.name))
            conductor = Conductor(children, Progress(steps), get_run_logger(), config.crash_grace_seconds)
            return conductor.carry_out()
    except LaunchError as error:
        return Failed(message=str(error))


def _file(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or FLOWS / name)
