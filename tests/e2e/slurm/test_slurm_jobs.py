"""Jobs on a real Slurm, and what becomes of their runs: each way that a job ends, and a worker that was killed."""

import re
from typing import Any

import pytest

from tests.e2e.slurm.launches import Launches
from tests.server.laboratory import Run

pytestmark = pytest.mark.engine

WAITS = "wait_for('never')\n"
# Started all at once, since most of each is waiting. Name -> its script and what it asks for; `held` waits by itself.
ASKED: dict[str, dict[str, Any]] = {
    "streams": {"script": "print('uh', file=sys.stderr)\nwait_for('seen')\nprint(open(sys.argv[1]).read())\n"},
    "fails": {"script": "sys.exit(3)\n", "deployment": "on_the_node"},
    "timeout": {"script": WAITS, "max_time": "1"},
    "memory": {"script": "bytearray(300_000_000)\n", "memory": "100M"},
    "partition": {"script": "", "partitions": ["nowhere"]},
    "held": {"script": "", "options": ["--hold"]},
    "cancelled": {"script": WAITS},
    "scancel": {"script": WAITS},
    "preempted": {"script": WAITS, "partitions": ["low"], "cpus": 16},
    "found": {"script": "wait_for('found')\nprint('found')\n", "deployment": "on_the_node"},
    "forgotten": {"script": "wait_for('forgotten')\nprint('forgotten')\n", "deployment": "on_the_node"},
    "node": {"script": WAITS, "options": ["--no-requeue"]},
}


@pytest.fixture(scope="module")
def runs(launches: Launches) -> dict[str, Run]:
    return {name: launches.start(name, **asked) for name, asked in ASKED.items()}


def begun(run: Run) -> str:
    """The number of the run's job, once its first line is in the log."""
    run.until(lambda: "begun" in run.log())
    return number(run)


def number(run: Run) -> str:
    [job] = re.findall(r"Slurm job (\d+) submitted on ", "\n".join(run.log()))
    return str(job)


def ended(run: Run) -> tuple[str, str]:
    """The run's last state and what its message says of the job before the job's last lines."""
    state = run.ends()
    said = re.fullmatch(rf"Slurm job {number(run)} (.+?); its last lines:\nbegun(\n.*)?", run.message, re.DOTALL)
    assert said, run.message
    return state, said[1]


def last_said(run: Run, first: str) -> list[str]:
    """What the log says after this line, once the job's end is in it."""
    run.until(lambda: any(line.endswith(" is COMPLETED") for line in run.log()))
    log = run.log()
    kept = [line for line in log[log.index(first) + 1 :] if " is PENDING" not in line]
    return kept[: kept.index(f"Slurm job {number(run)} is COMPLETED") + 1]


def test_output_is_streamed_line_by_line_and_nothing_is_left(launches: Launches, runs: dict[str, Run]) -> None:
    run = runs["streams"]
    run.until(lambda: "uh" in run.log())
    assert run.state == "Running"
    launches.allow("seen")
    assert run.ends() == "Completed"
    job = number(run)
    assert last_said(run, f"Slurm job {job} submitted on {launches.node.host}") == [
        f"Slurm job {job} is RUNNING on slurm",
        "begun",
        "uh",
        "io_parameters:",
        "  uid_retrieve: before",
        f"  uid_save: {run.id}",
        "",
        f"Slurm job {job} is COMPLETED",
    ]
    assert run.id not in launches.node.run("ls ~/prefect-site")


def test_a_script_that_fails(runs: dict[str, Run]) -> None:
    """By a worker on the node itself."""
    assert ended(runs["fails"]) == ("Failed", "failed with exit code 3")
    assert f"Slurm job {number(runs['fails'])} submitted on this machine" in runs["fails"].log()


def test_a_job_that_takes_too_much_memory(runs: dict[str, Run]) -> None:
    assert ended(runs["memory"]) == ("OutOfMemory", "was killed for lack of memory (limit 100M): raise memory")


def test_a_partition_that_is_not_there(launches: Launches, runs: dict[str, Run]) -> None:
    assert (runs["partition"].ends(), runs["partition"].message) == (
        "Failed",
        f"Slurm on {launches.node.host} refused the job: invalid partition specified: nowhere; Batch job submission "
        "failed: Invalid partition name specified: correct partitions; sinfo lists those there are",
    )


def test_a_job_that_waits_says_why(launches: Launches, runs: dict[str, Run]) -> None:
    run = runs["held"]
    run.until(lambda: any(line.endswith(" is PENDING (JobHeldUser)") for line in run.log()))
    launches.node.run(f"scontrol release {number(run)}")
    assert run.ends() == "Completed"


def test_the_job_of_a_run_that_is_cancelled_is_cancelled(launches: Launches, runs: dict[str, Run]) -> None:
    run = runs["cancelled"]
    job = begun(run)
    assert launches.node.jobs(run.id) == {job: "RUNNING"}
    run.set_state("CANCELLING")
    assert run.ends() == "Cancelled"
    run.until(lambda: f"Slurm job {job} cancelled" in run.log())
    run.until(lambda: launches.node.jobs(run.id) in ({job: "CANCELLED"}, {}))
    assert run.id not in launches.node.run("ls ~/prefect-site")


def test_a_job_that_is_cancelled_on_the_cluster(launches: Launches, runs: dict[str, Run]) -> None:
    launches.node.run(f"scancel {begun(runs['scancel'])}")
    assert ended(runs["scancel"]) == ("Cancelled", "was cancelled on the cluster")


def test_a_job_that_gives_way_to_another(launches: Launches, runs: dict[str, Run]) -> None:
    begun(runs["preempted"])
    launches.node.run("sbatch --partition=high --cpus-per-task=20 --output=/dev/null --wrap true")
    assert ended(runs["preempted"]) == ("Crashed", "was ended for a job of higher priority")


def test_jobs_are_found_again_after_their_worker_was_killed(launches: Launches, runs: dict[str, Run]) -> None:
    """One that still runs, and one that has ended and that Slurm has forgotten."""
    jobs = {name: begun(runs[name]) for name in ("found", "forgotten")}
    launches.kill_worker_on_node()
    launches.allow("forgotten")
    runs["forgotten"].until(lambda: not launches.node.jobs(runs["forgotten"].id))
    for name in jobs:
        runs[name].set_state("CRASHED")
        runs[name].set_state("SCHEDULED", "AwaitingRetry")
    launches.start_worker_on_node()
    for name, job in jobs.items():
        run, again = runs[name], f"Slurm job {job} found again; its output from the beginning:"
        run.until(lambda run=run, again=again: again in run.log())  # type: ignore[misc]
        launches.allow(name)
        assert (run.ends(), run.read()["run_count"]) == ("Completed", 2)
        told = [line for line in last_said(run, again) if " is RUNNING" not in line]
        assert told == ["begun", name, f"Slurm job {job} is COMPLETED"]
    assert launches.node.jobs(runs["found"].id) == {jobs["found"]: "COMPLETED"}


def test_a_job_that_runs_too_long(runs: dict[str, Run]) -> None:
    told = "ran longer than its time limit (00:01:00) and was ended: raise max_time"
    assert ended(runs["timeout"]) == ("TimedOut", told)


def test_a_controller_that_is_started_anew_is_waited_for(launches: Launches, runs: dict[str, Run]) -> None:
    run = runs["node"]
    job = begun(run)
    launches.node.run("scontrol shutdown slurmctld", user="root")
    run.until(lambda: any(line.startswith("The cluster does not answer (") for line in run.log()))
    launches.node.run("slurmctld", user="root")
    run.until(lambda: launches.node.jobs(run.id) == {job: "RUNNING"})
    assert run.state == "Running"


def test_a_node_that_fails(launches: Launches, runs: dict[str, Run]) -> None:
    """The last test: with the node all jobs end."""
    begun(runs["node"])
    launches.node.run("scontrol update nodename=slurm state=down reason=test", user="root")
    assert ended(runs["node"]) == ("Crashed", "was ended by the failure of its node (slurm)")
