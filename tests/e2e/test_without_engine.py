"""The same commands on a fresh clone where no engine answers: a site of processes, with workers of every kind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conda_stand_in import make_root
from tests.e2e import running
from tests.e2e.clone import NO_ENGINE, Clone
from tests.sites import SiteUnderTest

# Says the words of all steps so far; the environment of the stand-in has no parser of YAML.
SCRIPT = """
import re, sys
from pathlib import Path
params = dict(re.findall(r"^ *([a-z_]+): '?([^'\\n]*)", Path(sys.argv[1]).read_text(), re.MULTILINE))
before = (Path(params["results"]) / params["uid_retrieve"]).read_text() if params["uid_retrieve"] else ""
(Path(params["results"]) / params["uid_save"]).write_text(before + params["word"])
"""
CATALOGUE = "algorithms: {words: {conda_env: lab, tasks: {say: say.py}}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment and an algorithm for it."""
    folder = tmp_path_factory.mktemp("lab")
    make_root(folder / "conda", "lab")
    (folder / "words").mkdir()
    (folder / "words/say.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def clone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    clone = Clone.make(tmp_path_factory.mktemp("p"))
    (clone.root / "catalogue.yml").write_text(CATALOGUE)
    conda = {"CONDA_EXE": folder / "conda/bin/conda", "CONDA_ALGORITHMS": folder}
    try:
        clone.configure({"AGENT_POOLS": "agent parent conda slurm", **conda}, DOCKER_HOST=NO_ENGINE)
        yield clone
    finally:
        clone.end_processes()


@pytest.fixture(scope="module")
def site_of_clone(clone: Clone) -> SiteUnderTest:
    """The clone after its first `make up`."""
    clone.say(clone.make_target("up", DOCKER_HOST=NO_ENGINE))
    return clone.site


@pytest.mark.timeout(1200)
def test_up_ends_with_the_sample_completed_and_says_where_the_ui_is(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    lines = clone.said
    assert f"site {site_of_clone.name} runs in processes, because this machine has no Docker engine" in lines
    assert "1 Completed" in lines
    first = int(site_of_clone.env["AGENT_HEALTH_PORT"])
    assert [f"the worker on port {first + number} answers" in lines for number in range(4)] == [True] * 4
    assert f"the UI is at http://localhost:{site_of_clone.port}" in lines
    assert [(run["state_name"], run["run_count"]) for run in running.all_runs(site_of_clone)] == [("Completed", 1)]


def test_the_login_guards_api_and_the_ui_is_served(site_of_clone: SiteUnderTest) -> None:
    url = f"http://127.0.0.1:{site_of_clone.port}"
    assert httpx.post(f"{url}/api/flow_runs/filter", json={}, timeout=60).status_code == 401
    page = httpx.get(f"{url}/", timeout=60)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert httpx.get(f"{url}/ui-settings", timeout=60).json()["api_url"] == "/api"


def test_a_chain_of_steps_runs_in_conda_environments(
    clone: Clone, site_of_clone: SiteUnderTest, folder: Path, tmp_path: Path
) -> None:
    def say(word: str) -> dict[str, Any]:
        given = {"word": word, "results": str(tmp_path)}
        return {"model_name": "words", "task_name": "say", "hpc_type": "conda", "params": given}

    steps = {"params_list": [say("one "), say("two")]}
    run = running.start(site_of_clone, "Parent flow/launch_parent_flow", parameters=steps)
    (state,) = running.ended(site_of_clone, run)
    assert state["type"] == "COMPLETED", state
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["one ", "one two"]


def test_no_secret_stands_in_a_command_line(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    login = site_of_clone.env["PREFECT_API_AUTH_STRING"]
    lines = clone.commands().values()
    assert len(lines) >= 3  # supervisord, server, worker
    assert not [line for line in lines if login.partition(":")[2].encode() in line]


def test_up_again_changes_nothing(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    def seen() -> dict[str, object]:
        with running.api(site_of_clone) as client:
            updated = client.get(f"/deployments/name/{running.WEATHER}").raise_for_status().json()["updated"]
        files = {path: path.stat().st_mtime_ns for path in clone.files()}
        runs = [run["id"] for run in running.all_runs(site_of_clone)]
        return {"alive": sorted(clone.processes()), "updated": updated, "files": files, "runs": runs}

    # A run has ended before its processes have.
    running.until(
        "no process of a run is left", lambda: not any(b"\0prefect." in line for line in clone.commands().values())
    )
    before = seen()
    done = clone.make_target("up", DOCKER_HOST=NO_ENGINE)
    assert done.returncode == 0, done.stderr
    assert f"site {site_of_clone.name} (server agent client): nothing changed" in done.stdout.splitlines()
    assert seen() == before


def test_a_worker_that_died_is_started_again(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    def workers() -> list[int]:
        return [pid for pid, command in clone.commands().items() if b"\0--pool=agent_pool" in command]

    (worker,) = workers()
    os.kill(worker, signal.SIGKILL)
    running.until("another worker", lambda: workers() and workers() != [worker])


def test_down_ends_every_process(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    assert clone.processes()
    done = clone.make_target("down", DOCKER_HOST=NO_ENGINE)
    assert (done.returncode, done.stderr) == (0, "")
    assert not clone.processes()
    assert not running.answers(site_of_clone)


def test_what_was_run_is_there_after_the_next_up(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    assert clone.make_target("down", DOCKER_HOST=NO_ENGINE).returncode == 0
    done = clone.make_target("up", DOCKER_HOST=NO_ENGINE)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith(f"{running.WEATHER}: left, ") for line in done.stdout.splitlines())
    assert clone.make_target("down", DOCKER_HOST=NO_ENGINE).returncode == 0
    assert not clone.processes()
