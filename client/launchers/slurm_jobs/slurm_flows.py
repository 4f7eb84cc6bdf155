"""The flow behind `Slurm flow/launch_slurm`: a batch job on a cluster, followed to its end."""

from __future__ import annotations

from typing import Any

from prefect import Flow, State, flow, get_run_logger, runtime
from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import Crashed, Failed

from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity
from launchers.slurm_jobs.errors import ClusterError
from launchers.slurm_jobs.launch import Launch, cancel, cluster_of
from launchers.slurm_jobs.schema import SlurmParams


def cancel_job(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Ends the job of a run that is cancelled; a worker calls it when it has ended the flow."""
    log = flow_run_logger(flow_run, flow)
    try:
        cancel(SlurmParams.model_validate(flow_run.parameters["slurm_params"]), str(flow_run.id), log)
    except LaunchError as error:
        log.error("The Slurm job may still run: %s; look for it with squeue --format='%%i %%k'", error)


@flow(name="Slurm flow", on_cancellation=[cancel_job])
def launch_slurm(slurm_params: SlurmParams, prev_flow_run_id: str = "") -> str | State[Any]:
    """Runs a batch job and returns the flow run's id, under which its result is saved.

    `prev_flow_run_id` names the run whose result the job reads, where slurm_params names none. A job that fails, runs
    out of time or memory makes this run Failed, one that is cancelled Cancelled, one that loses its node Crashed. A
    run that is restarted finds its job again.
    """
    run = RunIdentity(str(runtime.flow_run.id), runtime.flow_run.run_count)
    try:
        with cluster_of(slurm_params) as cluster:
            state = Launch(cluster, run, slurm_params, get_run_logger()).carry_out(prev_flow_run_id)
    except LaunchError as error:
        away = isinstance(error, ClusterError) and error.away
        return Crashed(message=str(error)) if away else Failed(message=str(error))
    return run.flow_run_id if state.is_completed() else state
