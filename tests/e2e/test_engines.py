"""Every way to run a container on every engine at once: Docker, Docker in a container, Podman in a container."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sites
from tests.e2e import running
from tests.e2e.engine_kinds import DIND, FLOW_RUN, KINDS, PODMAN, Kind
from tests.sites import SiteUnderTest, docker

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]  # images are loaded into engines, too

LAUNCHED = ("site.role=launched",)
REAPED_SECONDS = 240
WORK = "find /srv/site/work -type f"
# The first process of a container hears only what it asks for: one that is deaf is waited for before it is killed.
SLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait"]

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def local(name: str) -> str:
    return names.reference(name, sites.REPO, bases(SETTINGS.defaults()))


@pytest.fixture(scope="module")
def site(engines_site: SiteUnderTest) -> SiteUnderTest:
    return engines_site


def launch(site: SiteUnderTest, kind: Kind, command: list[str], **more: Any) -> str:
    """A run that launches a container of an image which every engine has."""
    name, _, tag = local("flows").rpartition(":")
    asked = {"image_name": name, "image_tag": tag, "command": command, "params": {}} | more
    return running.start(site, f"Docker flow/launch_{kind.name}", parameters={"docker_params": asked})


def result(site: SiteUnderTest, path: str) -> dict[str, Any]:
    """A file of JSON that a run left in the site's results."""
    mount = f"--volume={site.name}-results:/r:ro"
    return dict(json.loads(docker("run", "--rm", mount, local("prefect"), "cat", f"/r/{path}")))


@dataclass(frozen=True)
class Cells:
    """Runs that were started together: kind -> run, in each of three ways."""

    mounted: dict[str, str]
    direct: dict[str, str]
    launched: dict[str, str]

    @property
    def runs(self) -> list[str]:
        return [*self.mounted.values(), *self.direct.values(), *self.launched.values()]


@pytest.fixture(scope="module")
def cells(site: SiteUnderTest) -> Cells:
    """The flow from the site's volume, from an image of its own, and an algorithm's container, on each engine."""
    started = Cells(
        {kind.name: running.start(site, f"weather/weather_{kind.name}") for kind in KINDS},
        {kind.name: running.start(site, f"weather/weather_image_{kind.name}") for kind in KINDS},
        {kind.name: running.start(site, f"Docker flow/launch_{kind.name}") for kind in KINDS},
    )
    states = running.ended(site, *started.runs)
    assert {state["type"] for state in states} == {"COMPLETED"}, states
    return started


def test_the_same_flow_has_the_same_result_wherever_it_runs(site: SiteUnderTest, cells: Cells) -> None:
    found = [result(site, f"weather/{run}/figures.json") for run in (*cells.mounted.values(), *cells.direct.values())]
    assert len({figures.pop("flow_run_id") for figures in found}) == 2 * len(KINDS)
    hosts = {figures.pop("host") for figures in found}
    assert len(hosts) == 2 * len(KINDS)  # a container each
    assert found.count(found[0]) == len(found)
    assert found[0]["hours"] == 26115


def test_the_same_launch_has_the_same_result_on_every_engine_and_from_a_process(
    site: SiteUnderTest, cells: Cells, tmp_path: Path
) -> None:
    summaries = [result(site, f"{run}/summary.json") for run in cells.launched.values()]
    assert summaries == [launch_as_a_process(site, tmp_path)] * len(KINDS)
    assert (summaries[0]["task"], summaries[0]["components"]) == ("train", 10)


def launch_as_a_process(site: SiteUnderTest, folder: Path) -> dict[str, Any]:
    """The same source, called by a Python of this machine; what the algorithm wrote."""
    name, _, tag = local("pca").rpartition(":")
    results = folder / "results"
    results.mkdir(mode=0o777)
    results.chmod(0o777)
    asked = {
        "image_name": name,
        "image_tag": tag,
        "command": "python /app/pca.py",
        "volumes": [f"{results}:/app/results"],
    }
    imports = "import json, sys; from launchers.containers.docker_flows import launch_docker"
    code = f"{imports}; launch_docker(json.loads(sys.argv[1]))"
    environment = running.environment(
        PYTHONPATH=str(sites.REPO / "client"),
        PREFECT_API_URL=running.api_url(site),
        PREFECT_API_AUTH_STRING=site.env["PREFECT_API_AUTH_STRING"],
        PREFECT_HOME=str(folder / "home"),
        SITE=site.name,
        SITE_WORK_DIR=str(folder / "work"),
        SITE_HOST_PATHS=str(folder),
        SITE_LABELS=site.env["SITE_LABELS"],
    )
    (folder / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(asked)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list((folder / "work").iterdir())
    (summary,) = results.glob("*/summary.json")
    return dict(json.loads(summary.read_text()))


@pytest.fixture(scope="module")
def failures(site: SiteUnderTest) -> dict[str, dict[str, str]]:
    """Kind -> what was wrong -> what its run says, all of them run at once."""
    asked: dict[str, dict[str, Any]] = {
        "exit": {"command": ["sh", "-c", "echo the model is not there >&2; exit 3"]},
        "memory": {"command": ["python3", "-c", "bytearray(10**9)"], "memory": "100m"},
        "image": {"command": ["true"], "image_tag": "none"},
        "forbidden": {"command": ["true"], "volumes": ["/srv/site/flows:/code:rw"]},
    }
    runs = {(kind.name, what): launch(site, kind, **given) for kind in KINDS for what, given in asked.items()}
    states = dict(zip(runs, running.ended(site, *runs.values()), strict=True))
    assert {state["type"] for state in states.values()} == {"FAILED"}, states
    return {kind.name: {what: str(states[kind.name, what]["message"]) for what in asked} for kind in KINDS}


@kinds
def test_a_failing_container_is_told_with_its_last_words_and_the_mend(
    failures: dict[str, dict[str, str]], kind: Kind
) -> None:
    said = failures[kind.name]
    assert "ended with exit code 3; its last lines:" in said["exit"]
    assert said["exit"].endswith("the model is not there")
    assert "for lack of memory (OOM; memory limit 100m)" in said["memory"]
    assert "raise memory" in said["memory"]
    assert said["image"].startswith(f"image {local('flows').rpartition(':')[0]}:none cannot be pulled: ")
    assert "socket proxy (launcher)" in said["forbidden"] or "/srv/site/flows" in said["forbidden"]


def running_of(site: SiteUnderTest, kind: Kind, run: str) -> set[str]:
    """Ids of the containers of a run that have started and not ended."""
    return kind.containers(site, f"{FLOW_RUN}={run}", every=False)


@pytest.fixture(scope="module")
def sleeping(site: SiteUnderTest) -> dict[str, str]:
    """Kind -> a run whose container sleeps, and is there."""
    runs = {kind.name: launch(site, kind, SLEEP) for kind in KINDS}

    def all_there() -> bool:
        return all(len(running_of(site, kind, runs[kind.name])) == 2 for kind in KINDS)

    running.until("two containers on each engine", all_there)
    return runs


def test_flow_containers_outlive_the_restart_of_their_worker(site: SiteUnderTest, sleeping: dict[str, str]) -> None:
    before = {kind.name: kind.runs(site, sleeping[kind.name]) for kind in KINDS}
    for kind in KINDS:
        kind.compose(site, "restart", "--timeout", "1", "worker")
    for kind in KINDS:
        assert running_of(site, kind, sleeping[kind.name]) == before[kind.name]
    running.until_healthy(site)


@kinds
def test_no_container_of_a_run_shows_a_secret_but_the_login(
    site: SiteUnderTest, sleeping: dict[str, str], kind: Kind
) -> None:
    shown = kind.ask(site, "inspect", *kind.runs(site, sleeping[kind.name]))
    assert shown.count(site.env["PREFECT_API_AUTH_STRING"]) == 1  # the flow's own, and not the launched one
    for key in ("SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD"):
        assert site.env[key] not in shown


@pytest.fixture(scope="module")
def cancelled(site: SiteUnderTest, sleeping: dict[str, str]) -> float:
    """When all of them were cancelled; until then their containers were there."""
    assert all(len(running_of(site, kind, sleeping[kind.name])) == 2 for kind in KINDS)
    with running.api(site) as client:
        for run in sleeping.values():
            asked = {"state": {"type": "CANCELLING"}, "force": False}
            client.post(f"/flow_runs/{run}/set_state", json=asked).raise_for_status()
    return time.monotonic()


@kinds
def test_cancelling_stops_the_containers(
    site: SiteUnderTest, sleeping: dict[str, str], cancelled: float, kind: Kind
) -> None:
    run = sleeping[kind.name]
    running.until("its containers stop", lambda: not running_of(site, kind, run))
    print(f"\n{kind.name}: its containers were seen to have stopped {time.monotonic() - cancelled:.0f} s after that")
    assert running.ended(site, run)[0]["type"] == "CANCELLED"


def test_inside_the_podman_worker_docker_is_podman(site: SiteUnderTest) -> None:
    assert PODMAN.compose(site, "exec", "--no-TTY", "worker", "docker", "--version").startswith("podman version ")


def test_the_engine_in_a_container_takes_no_call_without_a_certificate(site: SiteUnderTest) -> None:
    command = (
        "exec",
        "--no-TTY",
        "socket-proxy",
        "python",
        "-c",
        "import urllib.request as r; r.urlopen('http://dind:2376/version')",
    )
    done = site.compose("worker-docker", "--file", DIND.compose_file, *command, check=False)
    assert done.returncode != 0
    assert "HTTP Error 400" in done.stderr


@pytest.fixture(scope="module")
def left(
    site: SiteUnderTest,
    cells: Cells,
    failures: dict[str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[set[str], str]]:
    """Kind -> the launched containers and the parameters' files that runs left; then the reapers need no patience."""
    found = {
        kind.name: (
            kind.containers(site, *LAUNCHED),
            kind.compose(site, "exec", "--no-TTY", "reaper", "sh", "-c", WORK),
        )
        for kind in KINDS
    }
    override = tmp_path_factory.mktemp("eager") / "compose.yaml"
    override.write_text(running.EAGER_REAPER)
    for kind in KINDS:
        kind.compose(site, "--file", str(override), "up", "--detach", "--no-deps", "reaper")
    return found


@kinds
def test_nothing_is_left_of_runs_that_have_ended(
    site: SiteUnderTest, left: dict[str, tuple[set[str], str]], kind: Kind
) -> None:
    assert left[kind.name] == (set(), "")
    running.until("the reaper has removed the flow containers", lambda: not kind.containers(site), REAPED_SECONDS)
    volumes = kind.ask(site, "volume", "ls", "--quiet").split() if kind.service else []
    assert not volumes


def test_a_podman_whose_socket_is_not_there_is_reported(site: SiteUnderTest) -> None:
    """And the run is tried again, as after any crash."""
    PODMAN.compose(site, "stop", PODMAN.service)
    run = running.start(site, "weather/weather_podman")
    running.until("its first crash", lambda: running.crashes(site, run))
    assert "no engine answers at /run/podman/podman.sock" in running.crashes(site, run)[0]


def test_down_leaves_no_container_and_no_network(site: SiteUnderTest) -> None:
    done = site.render("down", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert docker("ps", "--all", "--quiet", f"--filter=label=site={site.name}") == ""
    assert docker("network", "ls", "--quiet", f"--filter=label=site={site.name}") == ""
