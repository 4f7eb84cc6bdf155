"""The reaper as a service: it takes what ended runs left on its engine, and nothing else."""

import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.launcher.attempts import Site, reaper_environ
from tests.e2e.launcher.places import SLEEP, wait_until
from tests.e2e.launcher.runs import Runs
from tests.server.conftest import free_port

pytestmark = pytest.mark.engine

RunsOf = Callable[[Site], Runs]


class Leavings:
    """What killed workers leave, made by hand: containers with labels, directories of parameters."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.names: list[str] = []

    def container(self, *labels: str, command: str = SLEEP) -> str:
        """A container with these labels; its name."""
        name = f"left-{uuid.uuid4()}"
        options = [f"--label={label}" for label in labels]
        self.site.place.run("run", "--detach", "--name", name, *options, self.site.place.images[0], "sh", "-c", command)
        self.names.append(name)
        return name

    def launched(self, run: str, attempt: int = 1) -> str:
        """The container of an attempt, as a launcher labels it."""
        own = (f"site={self.site.name}", "site.role=launched", f"site.attempt={attempt}")
        return self.container(*own, f"io.prefect.flow-run-id={run}")

    def parameters(self, run: str, attempt: int = 1) -> Path:
        """The attempt's directory in the work directory."""
        folder = self.site.work / f"{run}-{attempt}"
        folder.mkdir()
        (folder / "params.yaml").touch()
        return folder

    def left(self) -> list[str]:
        """The names of those containers that are still there."""
        every = self.site.place.run("ps", "--all", "--format={{.Names}}").split()
        return [name for name in self.names if name in every]

    def remove(self) -> None:
        if self.left():
            self.site.place.run("rm", "--force", *self.left())


@pytest.fixture
def leavings(site: Site) -> Iterator[Leavings]:
    made = Leavings(site)
    yield made
    made.remove()


def reap(site: Site, api_url: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`python -m reaper --once`, with no time left to read logs."""
    environ = reaper_environ(site, api_url) | {"REAPER_GRACE": "0"} | more
    command = [sys.executable, "-m", "reaper", "--once"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def told(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """The lines of the log, without their times."""
    return sorted(line.split(" ", 2)[2] for line in done.stdout.splitlines())


def test_what_an_ended_run_left_goes_and_is_reported(site: Site, runs: RunsOf, leavings: Leavings) -> None:
    here = runs(site)
    run = here.create("true")
    running = leavings.launched(run)
    workers = leavings.container(f"site={site.name}", f"io.prefect.flow-run-id={run}", command="true")
    folder = leavings.parameters(run)
    here.set_state(run, "CRASHED", "Crashed")
    done = reap(site, here.server.url)
    assert told(done) == sorted(
        f"removed {what}: flow run {run} is Crashed"
        for what in (f"container {running}", f"container {workers}", f"parameters {folder.name}")
    )
    assert (done.returncode, done.stderr, leavings.left(), site.files()) == (0, "", [], [])


def test_what_is_not_an_ended_runs_of_this_site_stays(site: Site, runs: RunsOf, leavings: Leavings) -> None:
    here = runs(site)
    alive, ended, unknown = here.create("true"), here.create("true"), str(uuid.uuid4())
    here.set_state(alive, "RUNNING", "Running")
    here.set_state(ended, "COMPLETED", "Completed")
    leavings.launched(alive)
    leavings.launched(unknown)
    leavings.container(f"site={site.name}")
    leavings.container(f"io.prefect.flow-run-id={ended}")
    leavings.container(f"site={site.name}-2", "site.role=launched", f"io.prefect.flow-run-id={ended}")
    kept = leavings.parameters(alive)
    (site.work / "results").mkdir()
    done = reap(site, here.server.url)
    assert (done.returncode, done.stdout, leavings.left()) == (0, "", leavings.names)
    assert site.files() == sorted([kept.name, "results"])
    for folder in site.files():
        subprocess.run(["rm", "-r", site.work / folder], check=True)
    leavings.remove()


def test_an_earlier_attempt_goes_while_the_run_goes_on(site: Site, runs: RunsOf, leavings: Leavings) -> None:
    here = runs(site)
    run = here.create("true")
    for _ in range(2):
        here.set_state(run, "RUNNING", "Running")
    first, second = leavings.launched(run, 1), leavings.launched(run, 2)
    assert told(reap(site, here.server.url)) == [f"removed container {first}: flow run {run} is in its attempt 2"]
    assert leavings.left() == [second]
    leavings.remove()


def test_logs_have_time_to_be_read(docker_site: Site, runs: RunsOf) -> None:
    here, leavings = runs(docker_site), Leavings(docker_site)
    run = here.create("true")
    name = leavings.launched(run)
    here.set_state(run, "FAILED", "Failed")
    assert reap(docker_site, here.server.url, REAPER_GRACE="600").stdout == ""
    assert leavings.left() == [name]
    leavings.remove()


def test_nothing_goes_while_the_api_does_not_answer(docker_site: Site, tmp_path: Path) -> None:
    leavings, url = Leavings(docker_site), f"http://127.0.0.1:{free_port()}/api"
    name = leavings.launched(str(uuid.uuid4()))
    health = tmp_path / "healthy"
    done = reap(docker_site, url, REAPER_HEALTH_FILE=str(health))
    lost = f"no API answers at {url}/flow_runs/filter ([Errno 111] Connection refused): correct PREFECT_API_URL"
    assert (done.returncode, told(done), done.stderr) == (1, [lost], "")
    assert leavings.left() == [name]
    assert not health.exists()
    leavings.remove()


def test_the_service_goes_on_until_it_is_told_to_stop(docker_site: Site, runs: RunsOf, tmp_path: Path) -> None:
    here, leavings, health = runs(docker_site), Leavings(docker_site), tmp_path / "healthy"
    own = {"REAPER_GRACE": "0", "REAPER_INTERVAL": "1", "REAPER_HEALTH_FILE": str(health)}
    environ = reaper_environ(docker_site, here.server.url) | own
    with subprocess.Popen([sys.executable, "-m", "reaper"], env=environ, stdout=subprocess.PIPE, text=True) as reaper:
        wait_until(health.exists)
        run = here.create("true")
        name = leavings.launched(run)
        here.set_state(run, "CANCELLED", "Cancelled")
        wait_until(lambda: not leavings.left())
        reaper.send_signal(signal.SIGTERM)
        assert reaper.stdout is not None
        log = [line.split(" ", 2)[2] for line in reaper.stdout.read().splitlines()]
    assert log == [
        f"looking after site {docker_site.name} every 1 s",
        f"removed container {name}: flow run {run} is Cancelled",
        "stopped",
    ]
    assert reaper.returncode == 0
