"""One launch on a cluster from beginning to end: found again or submitted, followed, cleared away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from prefect import State

from launchers.launching.output_log import Log
from launchers.launching.run_identity import RunIdentity
from launchers.slurm_jobs.cluster import Cluster, Job
from launchers.slurm_jobs.following import Following
from launchers.slurm_jobs.job_state import final_state
from launchers.slurm_jobs.login_node import login_node
from launchers.slurm_jobs.schema import SlurmParams


@contextmanager
def cluster_of(params: SlurmParams) -> Iterator[Cluster]:
    """The cluster that the parameters name, for as long as the `with` block."""
    with login_node(params.submission_host, params.submission_ssh_key) as login:
        yield Cluster(login, params.work_dir)


@dataclass(frozen=True)
class Launch:
    """One attempt of a flow run to have its job done. `log` is the flow run's."""

    cluster: Cluster
    run: RunIdentity
    params: SlurmParams
    log: Log

    def carry_out(self, prev_flow_run_id: str) -> State[Any]:
        """The flow run's last state, from its job's. Raises ClusterError where the cluster refuses or is away."""
        job = (self._found() if self.run.attempt > 1 else None) or self._submitted(prev_flow_run_id)
        following = Following(self.cluster, job, self.log, self.params.poll_seconds)
        state = following.to_the_end()
        self.cluster.remove(self.run.flow_run_id)
        return final_state(job.id, state, following.output.last)

    def _found(self) -> Job | None:
        """The job of an earlier attempt, unless it ended otherwise than well."""
        job = self.cluster.find(self.run.flow_run_id)
        if job and (state := self.cluster.state(job)).is_over and state.name != "COMPLETED":
            self.log.info("Slurm job %s of an earlier attempt is %s: it is done again", job.id, state)
            self.cluster.remove(self.run.flow_run_id)
            return None
        job = job or self.cluster.find_completed(self.run.flow_run_id)
        if job:
            self.log.info("Slurm job %s found again; its output from the beginning:", job.id)
        return job

    def _submitted(self, prev_flow_run_id: str) -> Job:
        content = self.params.params.of_run(self.run.flow_run_id, prev_flow_run_id)
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        job = self.cluster.submit(self.run.name, self.run.flow_run_id, self.params, text)
        self.log.info("Slurm job %s submitted on %s", job.id, self.cluster.login.name)
        return job


def cancel(params: SlurmParams, flow_run_id: str, log: Log) -> None:
    """Ends the job of a flow run, where it has one that is not over, and removes its files. May raise ClusterError."""
    with cluster_of(params) as cluster:
        job = cluster.find(flow_run_id)
        if job and not cluster.state(job).is_over:
            cluster.cancel(job)
            cluster.remove(flow_run_id)
            log.info("Slurm job %s cancelled", job.id)
