"""Jobs on a real Slurm, and what each way to end is to the run: streamed, refused, ended, cancelled, found again."""

from typing import Any

import pytest

from tests.e2e.slurm.launches import Launches
from tests.server.laboratory import Run

pytestmark = pytest.mark.engine

WAITS = "print('begun', flush=True)\nwait_for('never')\n"
NEXT = "; its last lines:\nbegun"
# Started all at once, since most of each is waiting. Name -> the script and what else the run asks for.
ASKED: dict[str, dict[str, Any]] = {
    "streams": {"script": "print('one')\nprint('uh', file=sys.stderr)\nwait_for('seen')\nprint('two')\n"},
    "told": {"script": "print(open(sys.argv[1]).read())\n", "params": {"components": 3}},
    "fails": {"script": "print('why')\nsys.exit(3)\n"},
    "scancel": {"script": WAITS},
    "timeout": {"script": WAITS, "max_time": "1"},
    "memory": {"script": "print('begun')\nbytearray(300_000_000)\n", "memory": "100M"},
    "preempted": {"script": WAITS, "partitions": ["low"], "cpus": 8},
    "held": {"script": "print('let go')\n", "options": ["--hold"]},
    "cancelled": {"script": WAITS},
    "partition": {"script": "", "partitions": ["nowhere"]},
    "node": {"script": WAITS, "options": ["--no-requeue"]},
    "local": {"script": "print('one')\n", "deployment": "on_the_node"},
    "found": {"script": "print('one')\nwait_for('found')\nprint('two')\n", "deployment": "on_the_node"},
    "forgotten": {"script": "print('one')\nwait_for('forgotten')\nprint('two')\n", "deployment": "on_the_node"},
}


@pytest.fixture(scope="module")
def runs(launches: Launches) -> dict[str, Run]:
    return {name: launches.start(name, **asked) for name, asked in ASKED.items()}


def job_of(launches: Launches, run: Run) -> str:
    """The number of the run's job, once it runs and its script has begun."""
    run.until(lambda: "begun" in run.log())
    [(job, state)] = launches.node.jobs(run.id).items()
    assert state == "RUNNING"
    return job


def test_output_is_streamed_line_by_line(launches: Launches, runs: dict[str, Run]) -> None:
    run = runs["streams"]
    run.until(lambda: {"one", "uh"} <= set(run.log()))
    assert run.state == "Running"
    launches.allow("seen")
    assert run.ends() == "Completed"
    run.until(lambda: "two" in run.log())
    print(run.log(), run.message)


def test_rest(launches: Launches, runs: dict[str, Run]) -> None:
    for name in ("told", "fails", "memory", "partition", "local"):
        run = runs[name]
        print("=====", name, run.ends(), repr(run.message), run.log())
    job = job_of(launches, runs["scancel"])
    launches.node.run(f"scancel {job}")
    run = runs["scancel"]
    print("=====", run.ends(), repr(run.message), run.log())
    run = runs["held"]
    run.until(lambda: any("PENDING" in line for line in run.log()))
    [(job, state)] = launches.node.jobs(run.id).items()
    launches.node.run(f"scontrol release {job}")
    print("=====", run.ends(), repr(run.message), run.log())
    run = runs["cancelled"]
    job_of(launches, run)
    run.set_state("CANCELLING")
    print("=====", run.ends(), repr(run.message), run.log(), launches.node.jobs(run.id))
    run = runs["preempted"]
    job_of(launches, run)
    print(launches.node.run("sbatch --partition=high --cpus-per-task=10 --output=/dev/null --wrap true"))
    print("=====", run.ends(), repr(run.message), run.log(), launches.node.jobs(run.id))
    run = runs["timeout"]
    print("=====", run.ends(), repr(run.message), run.log(), launches.node.jobs(run.id))


def test_z(launches: Launches, runs: dict[str, Run]) -> None:
    run = runs["node"]
    job_of(launches, run)
    launches.node.run("scontrol update nodename=slurm state=down reason=test", user="root")
    print("=====", run.ends(), repr(run.message), run.log(), launches.node.jobs(run.id))
    launches.node.run("scontrol update nodename=slurm state=resume", user="root")
    print(launches.node.run("squeue; sinfo"))
