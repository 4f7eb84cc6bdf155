"""A cluster's jobs: submitted, found again, looked at, cancelled."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from dataclasses import dataclass

from launchers.slurm_jobs.batch_script import EXIT_CODE, OUTPUT, PARAMS, SCRIPT, batch_script
from launchers.slurm_jobs.errors import ClusterError, refusal
from launchers.slurm_jobs.job_state import SACCT_ROW, JobState, from_exit_code, from_sacct, from_scontrol
from launchers.slurm_jobs.login_node import LoginNode
from launchers.slurm_jobs.schema import SlurmParams

WORK_DIR = "~/prefect-site"
PIECE = 262_144  # bytes of output that are asked for at once

# Slurm forgets what is over (MinJobAge, 5 min by default). Its accounting remembers, where a cluster has it.
_STATE = "; ".join(
    (
        "scontrol show job --oneliner {job} 2>/dev/null && exit",
        "scontrol ping >&2 || exit",
        "sacct --jobs={job} --allocations --noheader --parsable2 --format=State,ExitCode,NodeList,Timelimit,ReqMem "
        "2>/dev/null",
        "exit 0",
    )
)
# sbatch is a wrapper on some clusters, and prints more than the number.
_NUMBER = re.compile(r"^(\d+)(;\S+)?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A job by its number; `folder` is where its files are, as the login node's shell reads it."""

    id: str
    folder: str


@dataclass(frozen=True)
class Cluster:
    """The jobs of one user. `work_dir` is shared by login and compute nodes. Every call may raise ClusterError."""

    login: LoginNode
    work_dir: str

    def submit(self, name: str, flow_run_id: str, params: SlurmParams, content: str) -> Job:
        """A new job with its files in the folder `name`; `content` is that of its parameters file."""
        folder = _quoted(f"{self.work_dir or WORK_DIR}/{name}")
        self._write(folder, PARAMS, content)
        self._write(folder, SCRIPT, batch_script(params, flow_run_id))
        try:
            said = self.login.run(f"cd {folder} && sbatch --parsable {SCRIPT}").decode()
        except ClusterError as error:
            words = f"Slurm on {self.login.name} refused the job: {refusal(error.words)}"
            raise (error if error.away else ClusterError(words)) from None
        if number := _NUMBER.search(said):
            return Job(number[1], folder)
        if job := self.find(flow_run_id):
            return job
        raise ClusterError(f"sbatch on {self.login.name} printed no job number: {said.strip()!r}")

    def find(self, flow_run_id: str) -> Job | None:
        """The newest job of a flow run that Slurm knows."""
        listed = self.login.run('squeue --user="$(id -un)" --states=all --noheader --format="%i %k %Z"').decode()
        rows = [line.split(maxsplit=2) for line in listed.splitlines()]
        mine = [(int(row[0]), row[2]) for row in rows if row[1:2] == [flow_run_id] and row[0].isdecimal()]
        if not mine:
            return None
        job, folder = max(mine)
        return Job(str(job), shlex.quote(folder))

    def find_completed(self, flow_run_id: str) -> Job | None:
        """A job of a flow run that left the exit code 0 and that Slurm may have forgotten."""
        pattern = f"{self._folders(flow_run_id)}/{EXIT_CODE}"
        listed = self.login.run(f"grep -Hx '[0-9]* 0' {pattern} 2>/dev/null || true").decode().splitlines()
        if not listed:
            return None
        path, _, said = listed[-1].rpartition(":")
        return Job(said.split()[0], shlex.quote(path.removesuffix(f"/{EXIT_CODE}")))

    def state(self, job: Job) -> JobState:
        """What is known of the job: from Slurm, from its accounting, or from the exit code that it left."""
        lines = self.login.run(_STATE.format(job=job.id)).decode(errors="replace").splitlines()
        if shown := [line for line in lines if line.startswith("JobId=")]:
            return from_scontrol(shown[0])
        if rows := [line for line in lines if SACCT_ROW.match(line)]:
            return from_sacct(rows[-1])
        return from_exit_code(self.login.run(f"cat {job.folder}/{EXIT_CODE} 2>/dev/null || true").decode())

    def output(self, job: Job, offset: int) -> bytes:
        """What the job has written from this byte on, PIECE bytes at most."""
        return self.login.run(f"tail -c +{offset + 1} {job.folder}/{OUTPUT} 2>/dev/null | head -c {PIECE}")

    def cancel(self, job: Job) -> None:
        """Ends a job; one that is over is left as it is."""
        self.login.run(f"scancel {job.id}")

    def remove(self, flow_run_id: str) -> None:
        """Removes the files of a flow run's jobs; a failure to remove them is ignored."""
        with suppress(ClusterError):
            self.login.run(f"rm -rf {self._folders(flow_run_id)}")

    def _folders(self, flow_run_id: str) -> str:
        """The folders of all attempts of a flow run, as a pattern for the login node's shell."""
        return f"{_quoted(self.work_dir or WORK_DIR)}/{shlex.quote(flow_run_id)}-*"

    def _write(self, folder: str, name: str, content: str) -> None:
        try:
            path = f"{folder}/{name}"
            size = self.login.run(f"umask 077 && mkdir -p {folder} && cat > {path} && wc -c < {path}", content.encode())
        except ClusterError as error:
            words = f"the job's folder on {self.login.name} cannot be written: {error.words}: correct work_dir"
            raise (error if error.away else ClusterError(words)) from None
        if int(size) != len(content.encode()):
            raise ClusterError(
                f"{name} did not arrive whole on {self.login.name}: a start-up file there reads its input"
            )


def _quoted(path: str) -> str:
    """A path for the login node's shell, `~/` being its user's home."""
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)
