"""Jobs on a real Slurm, and what becomes of their runs: each way that a job ends, and a worker that was killed.

The start-up files of the account on the cluster print lines, and no run sees any of them.
"""

import re

import pytest

from tests.e2e.slurm.launches import Launches
from tests.server.laboratory import Run

pytestmark = pytest.mark.engine

WAITS = "wait_for('never')\n"


@pytest.fixture(scope="module", autouse=True)
def early(launches: Launches) -> dict[str, Run]:
    """What takes longest is begun first: a time limit, and two jobs whose worker is killed as soon as they run.

    The second of these ends then, and Slurm forgets it in a minute or so.
    """
    early = {"timeout": launches.start("timeout", WAITS, max_time="1")}
    for name in ("found", "forgotten"):
        early[name] = launches.start(name, f"wait_for('{name}')\nprint('{name}')\n", "on_the_node")
    for name in ("found", "forgotten"):
        begun(early[name])
    launches.kill_worker_on_node()
    launches.allow("forgotten")
    return early


def begun(run: Run) -> str:
    """The number of the run's job, once its first line is in the log."""
    run.until(lambda: "begun" in run.log())
    return number(run)


def number(run: Run) -> str:
    """The number of the one job that was ever submitted for the run."""
    run.until(lambda: bool(submitted(run)))  # a log arrives after the state that it reports
    [job] = submitted(run)
    return job


def submitted(run: Run) -> set[str]:
    return {*re.findall(r"Slurm job (\d+) submitted on ", "\n".join(run.log()))}


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
    # These states are reported only if a check of the job happens just then.
    kept = [line for line in log[log.index(first) + 1 :] if not re.search(r" is (PENDING|COMPLETING)\b", line)]
    return kept[: kept.index(f"Slurm job {number(run)} is COMPLETED") + 1]


def test_output_is_streamed_line_by_line_and_nothing_is_left(launches: Launches) -> None:
    script = "print('uh', file=sys.stderr)\nwait_for('seen')\nprint(open(sys.argv[1]).read())\n"
    run = launches.start("streams", script)
    run.until(lambda: "uh" in run.log())
    assert run.state == "Running"
    launches.allow("seen")
    assert run.ends() == "Completed"
    job = number(run)
    said = last_said(run, f"Slurm job {job} submitted on {launches.node.host}")
    # Its first line may be read before its state is asked.
    assert said.count(is_running := f"Slurm job {job} is RUNNING on slurm") == 1
    assert [line for line in said if line != is_running] == [
        "begun",
        "uh",
        "io_parameters:",
        "  uid_retrieve: before",
        f"  uid_save: {run.id}",
        "",
        f"Slurm job {job} is COMPLETED",
    ]
    assert run.id not in launches.node.run("ls ~/prefect-site")


def test_a_job_that_takes_too_much_memory(launches: Launches) -> None:
    run = launches.start("memory", "bytearray(300_000_000)\n", memory="100M")
    assert ended(run) == ("OutOfMemory", "was killed for lack of memory (limit 100M): raise memory")


def test_a_partition_that_is_not_there(launches: Launches) -> None:
    run = launches.start("partition", "", partitions=["nowhere"])
    assert (run.ends(), run.message) == (
        "Failed",
        f"Slurm on {launches.node.host} refused the job: invalid partition specified: nowhere; Batch job submission "
        "failed: Invalid partition name specified: correct partitions; sinfo lists those there are",
    )


def test_a_job_that_waits_says_why(launches: Launches) -> None:
    run = launches.start("held", "", options=["--hold"])
    run.until(lambda: any(line.endswith(" is PENDING (JobHeldUser)") for line in run.log()))
    launches.node.run(f"scontrol release {number(run)}")
    assert run.ends() == "Completed"


def test_the_job_of_a_run_that_is_cancelled_is_cancelled(launches: Launches) -> None:
    run = launches.start("cancelled", WAITS)
    job = begun(run)
    assert launches.node.jobs(run.id) == {job: "RUNNING"}
    run.set_state("CANCELLING")
    assert run.ends() == "Cancelled"
    run.until(lambda: f"Slurm job {job} cancelled" in run.log())
    run.until(lambda: launches.node.jobs(run.id) in ({job: "CANCELLED"}, {}))
    assert run.id not in launches.node.run("ls ~/prefect-site")


def test_a_job_that_is_cancelled_on_the_cluster(launches: Launches) -> None:
    run = launches.start("scancel", WAITS)
    launches.node.run(f"scancel {begun(run)}")
    assert ended(run) == ("Cancelled", "was cancelled on the cluster")


def test_a_job_that_gives_way_to_another(launches: Launches) -> None:
    run = launches.start("preempted", WAITS, partitions=["low"], cpus=16)
    begun(run)
    launches.node.run("sbatch --partition=high --cpus-per-task=20 --output=/dev/null --wrap true")
    assert ended(run) == ("Crashed", "was ended for a job of higher priority")


def test_jobs_are_found_again_after_their_worker_was_killed(launches: Launches, early: dict[str, Run]) -> None:
    """One that still runs, and one that has ended and that Slurm has forgotten."""
    runs = {name: early[name] for name in ("found", "forgotten")}
    jobs = {name: number(run) for name, run in runs.items()}
    runs["forgotten"].until(lambda: not launches.node.jobs(runs["forgotten"].id))
    for run in runs.values():
        if run.state != "Crashed":  # Prefect's runner outlives a run for a moment, and may have reported it
            run.set_state("CRASHED")
        run.set_state("SCHEDULED", "AwaitingRetry")
    launches.start_worker_on_node()
    for name, job in jobs.items():
        run, again = runs[name], f"Slurm job {job} found again; its output from the beginning:"
        run.until(lambda run=run, again=again: again in run.log())  # type: ignore[misc]
        launches.allow(name)
        assert (run.ends(), run.read()["run_count"]) == ("Completed", 2)
        told = [line for line in last_said(run, again) if " is RUNNING" not in line]
        assert told == ["begun", name, f"Slurm job {job} is COMPLETED"]
    assert launches.node.jobs(runs["found"].id) in ({jobs["found"]: "COMPLETED"}, {})  # forgotten soon


def test_a_script_that_fails(launches: Launches) -> None:
    """By a worker on the node itself."""
    run = launches.start("fails", "sys.exit(3)\n", "on_the_node")
    assert ended(run) == ("Failed", "failed with exit code 3")
    assert f"Slurm job {number(run)} submitted on this machine" in run.log()


def test_a_job_that_runs_too_long(early: dict[str, Run]) -> None:
    told = "ran longer than its time limit (00:01:00) and was ended: raise max_time"
    assert ended(early["timeout"]) == ("TimedOut", told)


def test_a_controller_that_is_started_anew_is_waited_for(launches: Launches) -> None:
    run = launches.start("controller", "wait_for('controller')\n")
    job = begun(run)
    launches.node.run("scontrol shutdown slurmctld", user="root")
    run.until(lambda: any(line.startswith("The cluster does not answer (") for line in run.log()))
    launches.node.run("slurmctld && until scontrol ping >/dev/null; do sleep 0.1; done", user="root")
    run.until(lambda: launches.node.jobs(run.id) == {job: "RUNNING"})
    launches.allow("controller")
    assert run.ends() == "Completed"


def test_a_node_that_fails(launches: Launches) -> None:
    """It comes back by itself, as the cluster is set up."""
    run = launches.start("node", WAITS, options=["--no-requeue"])
    begun(run)
    launches.node.run("scontrol update nodename=slurm state=down reason=test", user="root")
    assert ended(run) == ("Crashed", "was ended by the failure of its node (slurm)")
