"""The flow behind `Docker flow/launch_docker` and `Docker flow/launch_podman`: one code for every engine."""

from __future__ import annotations

from typing import Any

from prefect import Flow, State, flow, get_run_logger, runtime
from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed

from launchers.containers.engine import connect
from launchers.containers.launch import Launch, remove_leftovers
from launchers.containers.schema import DockerParams
from launchers.containers.site_env import read_site_env
from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity


def clean_up(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Removes what a run left that was killed before it could do so itself; a worker calls it where one watches."""
    try:
        with connect() as engine:
            remove_leftovers(engine, read_site_env(), str(flow_run.id))
    except LaunchError as error:
        flow_run_logger(flow_run, flow).warning("Clean-up is left to the reaper: %s", error)


@flow(name="Docker flow", on_cancellation=[clean_up], on_crashed=[clean_up])
def launch_docker(docker_params: DockerParams, prev_flow_run_id: str = "") -> str | State[str]:
    """Runs a container beside this flow run and returns the flow run's id, under which its result is saved.

    `prev_flow_run_id` names the run whose result the container reads, where docker_params names none. A container
    that cannot run or fails makes this run Failed, with what to correct or with its last lines.
    """
    run = RunIdentity(str(runtime.flow_run.id), runtime.flow_run.run_count)
    try:
        with connect() as engine:
            Launch(engine, read_site_env(), run, docker_params, get_run_logger()).carry_out(prev_flow_run_id)
    except LaunchError as error:
        return Failed(message=str(error))
    return run.flow_run_id
