"""The flow behind `Conda flow/launch_conda`: a script in a conda environment of the worker's machine."""

from __future__ import annotations

from typing import Any

from prefect import Flow, State, flow, get_run_logger, runtime
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed

from launchers.conda_envs.launch import Launch, remove_leftovers
from launchers.conda_envs.manager import find_manager
from launchers.conda_envs.schema import CondaParams
from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity


def clean_up(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Ends what a run left that was killed before it could do so itself; its worker calls it."""
    remove_leftovers(str(flow_run.id))


@flow(name="Conda flow", on_cancellation=[clean_up], on_crashed=[clean_up])
def launch_conda(conda_params: CondaParams, prev_flow_run_id: str = "") -> str | State[str]:
    """Runs a script in a conda environment and returns the flow run's id, under which its result is saved.

    `prev_flow_run_id` names the run whose result the script reads, where conda_params names none. A script that
    cannot run or fails makes this run Failed, with what to correct or with its last lines.
    """
    run = RunIdentity(str(runtime.flow_run.id), runtime.flow_run.run_count)
    try:
        Launch(find_manager(), run, conda_params, get_run_logger()).carry_out(prev_flow_run_id)
    except LaunchError as error:
        return Failed(message=str(error))
    return run.flow_run_id
