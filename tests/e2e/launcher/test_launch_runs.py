"""Launches as flow runs of a real server: what the run's log and state show, and what a killed run leaves."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.launcher.attempts import Site
from tests.e2e.launcher.places import wait_until
from tests.e2e.launcher.runs import Runs
from tests.server.conftest import Server

pytestmark = pytest.mark.engine

RunsOf = Callable[[Site], Runs]
DEAF = ["sh", "-c", 'trap "" TERM; echo up; while true; do sleep 0.1; done']


def gated(site: Site, before: str, after: str) -> tuple[list[str], list[str], Path]:
    """A command that waits for a file between two others, and hears SIGTERM; its volumes; the file."""
    wait = "trap 'exit 0' TERM; while [ ! -e /data/gate ]; do sleep 0.1; done"
    return ["sh", "-c", f"{before}; {wait}; {after}"], [f"{site.data}:/data"], site.data / "gate"


def test_output_is_in_the_runs_log_while_the_container_runs(site: Site, runs: RunsOf) -> None:
    here = runs(site)
    command, volumes, gate = gated(site, "echo early; echo odd >&2", "echo late; exit 3")
    run = here.create(*command, volumes=volumes)
    process = here.start(run)
    name = here.wait_for_container(run)
    wait_until(lambda: {(20, "early"), (30, "odd")} <= set(here.logged(run)))
    assert here.running(name)
    assert (20, "late") not in here.logged(run)
    gate.touch()
    process.wait()
    assert (20, "late") in here.logged(run)
    state = here.state(run)
    assert (state["type"], state["message"].splitlines()[0]) == (
        "FAILED",
        f"container {name} of {site.place.images[0]} ended with exit code 3; its last lines:",
    )


def test_a_container_says_whose_it_is_and_takes_its_volumes_with_it(site: Site, runs: RunsOf) -> None:
    here = runs(site)
    command, volumes, gate = gated(site, "true", "true")
    run = here.create(*command, volumes=volumes)
    process = here.start(run)
    name = here.wait_for_container(run)
    labels = ["site", "site.role", "site.attempt", "site.test", "io.prefect.flow-run-id"]
    form = " ".join(f'{{{{index .Config.Labels "{label}"}}}}' for label in labels)
    assert site.place.run("inspect", f"--format={form}", name) == f"{site.name} launched 1 1 {run}"
    volume = site.place.run("inspect", "--format={{range .Mounts}}{{.Name}}{{end}}", name)
    assert volume in site.place.run("volume", "ls", "--quiet").split()
    gate.touch()
    process.wait()
    assert here.state(run)["type"] == "COMPLETED"
    assert volume not in site.place.run("volume", "ls", "--quiet").split()


def test_a_run_reads_what_the_run_before_it_saved(docker_site: Site, runs: RunsOf) -> None:
    here = runs(docker_site)
    save = 'mkdir -p /data/$(sed -n "s/.*uid_save: //p" "$0")'
    first = here.create("sh", "-c", save, volumes=[f"{docker_site.data}:/data"])
    assert here.carry_out(first)["type"] == "COMPLETED"
    assert [path.name for path in docker_site.data.iterdir()] == [first]
    read = 'ls -d /data/$(sed -n "s/.*uid_retrieve: //p" "$0")'
    second = here.create("sh", "-c", read, volumes=[f"{docker_site.data}:/data"], prev_flow_run_id=first)
    assert here.carry_out(second)["type"] == "COMPLETED"
    assert (20, f"/data/{first}") in here.logged(second)


def test_a_terminated_run_takes_its_container_with_it(site: Site, runs: RunsOf) -> None:
    here = runs(site)
    run = here.create(*DEAF)
    process = here.start(run)
    here.wait_for_container(run)
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert (site.containers(), site.files()) == ([], [])


def test_a_terminated_runs_container_may_save_what_it_has(site: Site, runs: RunsOf) -> None:
    here = runs(site)
    command = 'trap "touch /data/saved; exit 0" TERM; touch /data/up; while true; do sleep 0.1; done'
    run = here.create("sh", "-c", command, volumes=[f"{site.data}:/data"])
    process = here.start(run)
    wait_until((site.data / "up").exists)
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert (site.data / "saved").exists()


def test_a_killed_run_leaves_its_container_until_it_runs_again(site: Site, runs: RunsOf) -> None:
    here = runs(site)
    command, volumes, gate = gated(site, "echo begun >> /data/$HOSTNAME", "true")
    run = here.create(*command, volumes=volumes)
    process = here.start(run)
    first = here.wait_for_container(run)
    process.kill()
    process.wait()
    assert here.running(first)
    here.set_state(run, "CRASHED", "Crashed")
    here.set_state(run, "SCHEDULED", "AwaitingRetry")
    process = here.start(run)
    second = here.wait_for_container(run, attempt=2)
    assert site.containers() == [second]
    assert site.files() == [f"{run}-2"]
    gate.touch()
    process.wait()
    flow_run = here.flow_run(run)
    assert (flow_run["state"]["type"], flow_run["run_count"]) == ("COMPLETED", 2)
    begun = [path.read_text() for path in site.data.iterdir() if path != gate]
    assert begun == ["begun\n", "begun\n"]  # once per attempt


def test_wrong_parameters_fail_the_run_with_what_to_write(docker_site: Site, runs: RunsOf) -> None:
    here = runs(docker_site)
    state = here.carry_out(here.create("true", memory="lots"))
    assert state["type"] == "FAILED"
    assert "'lots' is not a size: write a number and k, m or g, for example 512m" in state["message"]


@pytest.fixture
def worker(docker_site: Site, runs: RunsOf, server: Server) -> Iterator[Runs]:
    """Flow runs that a real process worker carries out."""
    here = runs(docker_site)
    here.pool = docker_site.name
    server.api.post("/work_pools/", json={"name": here.pool, "type": "process"}).raise_for_status()
    process = here.process("-m", "prefect", "worker", "start", "--pool", here.pool, "--type", "process")
    yield here
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:  # Prefect's worker was seen to go on after a SIGTERM, having cancelled a run
        process.kill()
        process.wait()


def test_a_run_cancelled_by_its_worker_takes_its_container_with_it(worker: Runs) -> None:
    run = worker.create(*DEAF)
    worker.wait_for_container(run)
    worker.set_state(run, "CANCELLING", "Cancelling")
    wait_until(lambda: worker.state(run)["type"] == "CANCELLED")
    wait_until(lambda: (worker.site.containers(), worker.site.files()) == ([], []))


def test_a_worker_cleans_up_after_a_run_whose_process_was_killed(worker: Runs) -> None:
    run = worker.create(*DEAF)
    worker.wait_for_container(run)
    worker.kill_flow(run)
    wait_until(lambda: worker.state(run)["type"] == "CRASHED")
    wait_until(lambda: (worker.site.containers(), worker.site.files()) == ([], []))
