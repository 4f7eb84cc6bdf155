"""The parent flow against a real server and real workers: chains, side by side, failures, cancellation, restarts."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import Folder, Server
from tests.server.laboratory import Laboratory, Run

OF_STEP = ("hpc_type", "name", "needs", "model_name")


@pytest.fixture(scope="module")
def laboratory(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    made = Laboratory(Folder(tmp_path_factory.mktemp("laboratory"), server))
    made.make()
    with made.worker("steps", "steps"), made.worker("parents", "parents"):
        yield made


def step(says: str, **more: Any) -> dict[str, Any]:
    """A step that records what it got in the file `says`."""
    of_step: dict[str, Any] = {key: more.pop(key) for key in OF_STEP if key in more}
    return {"model_name": "pca", "task_name": "train", "params": {"says": says, **more}, **of_step}


def ids(run: Run) -> dict[str, str]:
    return {name: child.id for name, child in run.children().items()}


def test_a_chain_hands_each_childs_id_to_the_next(laboratory: Laboratory) -> None:
    run = laboratory.start(
        step("one"), step("two", hpc_type="NERSC"), step("three", hpc_type="conda"), step("four", hpc_type="nowhere")
    )
    assert run.ends() == "Completed", run.log()
    child = ids(run)
    assert [laboratory.said(name) for name in ("one", "two", "three", "four")] == [
        [{"run": child["1"], "prev": "", "attempt": 1}],
        [{"run": child["2"], "prev": child["1"], "attempt": 1}],
        [{"run": child["3"], "prev": child["2"], "attempt": 1}],
        [{"run": child["4"], "prev": child["3"], "attempt": 1}],
    ]
    told = (
        "step 4 (pca/train): hpc_type 'nowhere' is not a site or an environment "
        "(known: als, conda, docker, nersc, nsls-ii, podman, slurm): it runs in conda"
    )
    run.until(lambda: told in run.log())


def test_steps_that_need_nothing_of_each_other_run_side_by_side(laboratory: Laboratory) -> None:
    """Each of the two waits for the other to have begun."""
    run = laboratory.start(
        step("left", name="left", waits_for=["right"]),
        step("right", name="right", needs=[], waits_for=["left"]),
        step("both", needs=["right", "left"]),
    )
    assert run.ends() == "Completed", run.log()
    assert [child["prev"] for child in laboratory.said("both")] == [ids(run)["right"]]


def test_a_step_that_fails_ends_the_parent_and_a_retry_does_it_again_alone(laboratory: Laboratory) -> None:
    run = laboratory.start(step("before"), step("fails", fails="repaired"), step("after"))
    assert run.ends() == "Failed"
    child = ids(run)
    assert run.message == (
        f"step 2 (pca/train): child {run.read()['name']}-2 ({child['2']}) of Docker flow/launch_docker ended as "
        "Failed: Flow run encountered an exception: RuntimeError: the data is not there\n"
        "not begun: step 3 (pca/train)"
    )
    (laboratory.path / "repaired").touch()
    run.set_state("SCHEDULED", "AwaitingRetry")
    assert run.ends() == "Completed", run.log()
    assert {name: len(laboratory.said(name)) for name in ("before", "fails", "after")} == {
        "before": 1,
        "fails": 2,
        "after": 1,
    }
    assert ids(run).keys() == {"1", "2", "2-2", "3"}
    assert laboratory.said("after")[0]["prev"] == ids(run)["2-2"]
    places = {child.read()["parent_task_run_id"] for child in run.children().values()}
    assert len(places) == 4


def test_a_step_that_crashes_for_good_ends_the_parent(laboratory: Laboratory) -> None:
    run = laboratory.start(step("dies", dies=9))
    assert run.ends() == "Failed"
    assert run.message == (
        f"step 1 (pca/train): child {run.read()['name']}-1 ({ids(run)['1']}) of Docker flow/launch_docker ended as "
        f"Crashed: {run.children()['1'].message}"
    )


def test_a_step_that_crashes_and_is_brought_back_goes_on(laboratory: Laboratory) -> None:
    laboratory.configure(crash_grace_seconds=600)
    run = laboratory.start(step("dies-once", dies=1), step("after-it"))
    try:
        child = run.child("1")
        # Two reports of a crash: by the run's own process and by its worker; the second may come after the run is back.
        while len(laboratory.said("dies-once")) < 2:
            child.becomes("Crashed")
            child.set_state("SCHEDULED", "AwaitingRetry")
            child.until(lambda: len(laboratory.said("dies-once")) == 2 or child.state == "Crashed")
        assert run.ends() == "Completed", run.log()
    finally:
        laboratory.configure()
    assert [child["attempt"] for child in laboratory.said("dies-once")] == [1, 2]
    assert laboratory.said("after-it")[0]["prev"] == child.id


def test_a_step_that_is_cancelled_ends_the_parent(laboratory: Laboratory) -> None:
    run = laboratory.start(step("waits", waits_for=["never"]))
    child = run.child("1")
    child.becomes("Running")
    child.set_state("CANCELLING")
    assert run.ends() == "Failed"
    assert run.message == (
        f"step 1 (pca/train): child {run.read()['name']}-1 ({child.id}) of Docker flow/launch_docker ended as "
        f"Cancelled: {child.message}"
    )


def test_a_parent_that_is_cancelled_cancels_its_children(laboratory: Laboratory) -> None:
    run = laboratory.start(step("waits-1", waits_for=["never"]), step("waits-2", needs=[], waits_for=["never"]))
    children = [run.child("1"), run.child("2")]
    for child in children:
        child.becomes("Running")
    run.set_state("CANCELLING")
    assert run.ends() == "Cancelled"
    assert [child.ends() for child in children] == ["Cancelled", "Cancelled"]
    said = [line for line in run.log() if line.startswith("Cancelling child ")]
    assert sorted(said) == sorted(
        f"Cancelling child {run.read()['name']}-{name} ({child.id})" for name, child in run.children().items()
    )


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (
            step("x", model_name="pcb"),
            "step 2: there is no model 'pcb' in the catalogue; did you mean 'pca'? (known: pca)",
        ),
        (
            step("x", hpc_type="nsls-ii"),
            "step 2 (pca/train): the server has no deployment 'Docker flow/launch_podman', which runs the steps of "
            "podman: register it, or send the step elsewhere with hpc_type",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_anything_starts(
    laboratory: Laboratory, wrong: dict[str, Any], line: str
) -> None:
    run = laboratory.start(step("innocent"), wrong)
    assert (run.ends(), run.message) == ("Failed", line)
    assert (run.children(), laboratory.said("innocent")) == ({}, [])


def test_a_parent_whose_worker_is_killed_goes_on_where_it_was(laboratory: Laboratory) -> None:
    """Four steps: the second is under way when worker and parent are killed, and completes while nothing watches it."""
    run = laboratory.start(step("k1"), step("k2", waits_for=["go"]), step("k3"), step("k4"))
    run.child("2").becomes("Running")
    laboratory.workers["parents"].kill()
    kill_flow(run)
    (laboratory.path / "go").touch()
    run.child("2").becomes("Completed")
    assert (run.state, list(run.children())) == ("Running", ["1", "2"])
    run.set_state("CRASHED")
    run.set_state("SCHEDULED", "AwaitingRetry")
    with laboratory.worker("parents", "second"):
        assert run.ends() == "Completed", run.log()
    assert run.read()["run_count"] == 2
    assert [[child["prev"] for child in laboratory.said(name)] for name in ("k1", "k2", "k3", "k4")] == [
        [""],
        [ids(run)["1"]],
        [ids(run)["2"]],
        [ids(run)["3"]],
    ]


def kill_flow(run: Run) -> None:
    """SIGKILL to the processes that a worker started for the flow run."""
    mine = f"PREFECT__FLOW_RUN_ID={run.id}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # processes come and go
            if mine in environ.read_bytes().split(b"\0"):
                os.kill(int(environ.parent.name), signal.SIGKILL)
