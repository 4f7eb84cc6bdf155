"""What Slurm's words about a job are to Prefect: every state that it has."""

import pytest
from launchers.slurm_jobs.job_state import ENDED, JobState, final_state, from_exit_code, from_sacct, from_scontrol

# Slurm 22.05, cut; `Reason`, `Comment` and paths are as the cluster of the tests tells them.
SAID = (
    "JobId=8 JobName=wrap UserId=prefect(1000) Account=(null) QOS=(null) JobState={state} Reason={reason} "
    "Dependency=(null) Requeue=1 ExitCode={code} RunTime=00:00:01 TimeLimit={limit} TimeMin=N/A "
    "AllocNode:Sid=localhost:50 ReqNodeList=(null) ExcNodeList=(null) NodeList={node} TRES=cpu=1,mem=100M,node=1 "
    "CPUs/Task=1 MinCPUsNode=1 MinMemoryNode=100M Command=(null) WorkDir=/home/JobState=X Comment=abc Power= "
)


def said(
    state: str, reason: str = "None", code: str = "0:0", limit: str = "UNLIMITED", node: str = "slurm"
) -> JobState:
    return from_scontrol(SAID.format(state=state, reason=reason, code=code, limit=limit, node=node))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (said("PENDING", "Resources", node="(null)"), "PENDING (Resources)"),
        (said("PENDING"), "PENDING"),
        (said("RUNNING"), "RUNNING on slurm"),
        (said("COMPLETING"), "COMPLETING"),
        (said("SUSPENDED"), "SUSPENDED"),
        (said("REQUEUED"), "REQUEUED"),
        (said("A_STATE_OF_LATER_YEARS"), "A_STATE_OF_LATER_YEARS"),
    ],
)
def test_a_job_that_goes_on(state: JobState, expected: str) -> None:
    assert (state.is_over, str(state)) == (False, expected)


@pytest.mark.parametrize(
    ("state", "kind", "name", "message"),
    [
        (said("COMPLETED"), "COMPLETED", "Completed", "has completed"),
        (
            said("FAILED", "NonZeroExitCode", "3:0"),
            "FAILED",
            "Failed",
            "failed with exit code 3; its last lines:\na\nb",
        ),
        (
            said("FAILED", "NonZeroExitCode", "137:0"),
            "FAILED",
            "Failed",
            "failed with exit code 137 (SIGKILL); its last lines:\na\nb",
        ),
        (
            said("FAILED", code="0:11"),
            "FAILED",
            "Failed",
            "failed with signal 11 (SIGSEGV); its last lines:\na\nb",
        ),
        (
            said("TIMEOUT", "TimeLimit", "0:15", "01:00:00"),
            "FAILED",
            "TimedOut",
            "ran longer than its time limit (01:00:00) and was ended: raise max_time; its last lines:\na\nb",
        ),
        (
            said("DEADLINE", "DeadLine"),
            "FAILED",
            "TimedOut",
            "could not end before its deadline and was ended; its last lines:\na\nb",
        ),
        (
            said("OUT_OF_MEMORY", "OutOfMemory", "0:125"),
            "FAILED",
            "OutOfMemory",
            "was killed for lack of memory (limit 100M): raise memory; its last lines:\na\nb",
        ),
        (
            said("CANCELLED", code="0:15"),
            "CANCELLED",
            "Cancelled",
            "was cancelled on the cluster; its last lines:\na\nb",
        ),
        (
            said("REVOKED"),
            "CANCELLED",
            "Cancelled",
            "was taken over by another cluster of the federation; its last lines:\na\nb",
        ),
        (
            said("PREEMPTED", code="0:15"),
            "CRASHED",
            "Crashed",
            "was ended for a job of higher priority; its last lines:\na\nb",
        ),
        (
            said("NODE_FAIL", "NodeDown"),
            "CRASHED",
            "Crashed",
            "was ended by the failure of its node (slurm); its last lines:\na\nb",
        ),
        (
            said("BOOT_FAIL", node="(null)"),
            "CRASHED",
            "Crashed",
            "could not begin: its node did not start (unknown); its last lines:\na\nb",
        ),
        (
            said("LAUNCH_FAILED"),
            "CRASHED",
            "Crashed",
            "could not begin: its node refused it (slurm); its last lines:\na\nb",
        ),
        (
            from_exit_code(""),
            "CRASHED",
            "Crashed",
            "is known to Slurm no more, and has left no exit code; its last lines:\na\nb",
        ),
    ],
)
def test_a_job_that_is_over(state: JobState, kind: str, name: str, message: str) -> None:
    assert state.is_over
    made = final_state("8", state, ["a", "b"])
    assert (made.type, made.name, made.message) == (kind, name, f"Slurm job 8 {message}")


def test_every_state_that_ends_a_job_is_in_the_table_above() -> None:
    [table] = [mark.args[1] for mark in test_a_job_that_is_over.pytestmark]  # type: ignore[attr-defined]
    assert {row[0].name for row in table} == set(ENDED)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("COMPLETED|0:0|node[1-2]|01:00:00|4G", JobState("COMPLETED", "", 0, 0, "node[1-2]", "01:00:00", "4G")),
        ("CANCELLED by 1000|0:15|n1||", JobState("CANCELLED", "", 0, 15, "n1")),
        ("FAILED|3:0|n1|01:00:00|4G", JobState("FAILED", "", 3, 0, "n1", "01:00:00", "4G")),
    ],
)
def test_what_the_accounting_remembers(line: str, state: JobState) -> None:
    assert from_sacct(line) == state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("8 0\n", JobState("COMPLETED")),
        ("8 3\n", JobState("FAILED", exit_code=3)),
        ("8", JobState("LOST")),
        ("", JobState("LOST")),
    ],
)
def test_what_a_forgotten_job_left(text: str, state: JobState) -> None:
    assert from_exit_code(text) == state
