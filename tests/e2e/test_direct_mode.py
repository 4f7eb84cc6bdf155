"""Direct mode: a flow whose own image is the job, pushed to the site's registry by `up`, and pulled by its worker."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sites
from tests.e2e import running
from tests.e2e.conftest import HARD_PASSWORD, UP
from tests.e2e.trusted import forget
from tests.sites import SiteUnderTest, docker

pytestmark = pytest.mark.engine

DIRECT, LAUNCHER = "weather/weather_image_docker", "Docker flow/launch_docker"
FLIGHTS = "flights/flights_image_docker"
OFTEN = {"slug": "often", "interval": 30, "parameters": {"months": [3]}}
BLOCK = "docker-registry-credentials/site-registry"
SUBMITTED = "Failed to submit flow run to infrastructure: "
PUSH = "push the image to the registry (`make up` does so for the site's own), or correct"
LOGIN = "correct the registry's user and password: REGISTRY_PASSWORD in .env, then `make up`, or the block that"
COUNT = (
    "import json, sys, pandas, pathlib; files = pathlib.Path('/srv/site/results/flights', sys.argv[1]).iterdir(); "
    "print(json.dumps({one.name: len(pandas.read_parquet(one)) for one in files}))"
)
IMAGES = ("flights", "weather", "pca")


def local(name: str) -> str:
    return names.reference(name, sites.REPO, bases(SETTINGS.defaults()))


def registry(site: SiteUnderTest) -> str:
    return f"{site.env['REGISTRY_HOST']}:{site.env['REGISTRY_PORT']}"


def in_registry(site: SiteUnderTest, name: str) -> str:
    return f"{registry(site)}/{local(name).removeprefix('localhost/')}"


@dataclass(frozen=True)
class Trusted:
    """The site once its machine trusts the registry: what doctor said before, and the next two `up`s."""

    site: SiteUnderTest
    doctor: list[str]
    first: list[str]
    second: list[str]
    commands: str

    @property
    def registry(self) -> str:
        return registry(self.site)

    def image(self, name: str) -> str:
        return in_registry(self.site, name)

    def forget_images(self) -> None:
        """Takes them from the engine, so that the next run pulls."""
        docker("image", "rm", *(self.image(name) for name in IMAGES))
        assert not self.present()

    def present(self) -> set[str]:
        """Those that the engine has under the registry's name."""
        return {name for name in IMAGES if docker("image", "ls", "--quiet", self.image(name))}

    def register(self, *arguments: str) -> str:
        """`python -m registrar` in a container of the client's; what it prints."""
        command = ("python", "-m", "registrar", *arguments)
        return self.site.compose("client", "run", "--rm", "--no-TTY", "client", *command).stdout

    def start(self, deployment: str, **job_variables: Any) -> str:
        """A run that is due; its id."""
        return running.start(self.site, deployment, job_variables=job_variables)

    def ended(self, *runs: str) -> list[dict[str, Any]]:
        """The states of the runs, in the order given, once all have ended."""
        return running.ended(self.site, *runs)

    def block(self) -> dict[str, Any]:
        with running.api(self.site) as client:
            path = f"/block_types/slug/{BLOCK.replace('/', '/block_documents/name/')}?include_secrets=true"
            return dict(client.get(path).raise_for_status().json())

    def containers(self, *runs: str) -> dict[str, dict[str, Any]]:
        """`docker inspect` of each run's own container, taken as soon as there is one."""
        found: dict[str, dict[str, Any]] = {}

        def all_seen() -> bool:
            for run in set(runs) - found.keys():
                labels = [f"label=io.prefect.flow-run-id={run}", "label=site.managed=worker"]
                found.update((run, one) for one in running.containers(self.site, *labels)[:1])
            return len(found) == len(runs)

        running.until("each run has a container", all_seen)
        return found

    def result(self, path: str) -> dict[str, Any]:
        """A file of JSON that a run left in the site's results."""
        volume = f"--volume={self.site.name}-results:/r:ro"
        return dict(json.loads(docker("run", "--rm", volume, local("weather"), "cat", f"/r/{path}")))

    def flights(self, run: str) -> dict[str, int]:
        """The files of a run of the flights, and how many of them each holds."""
        volume = f"--volume={self.site.name}-results:/srv/site/results:ro"
        return dict(json.loads(docker("run", "--rm", volume, local("flights"), "python", "-c", COUNT, run)))

    @contextmanager
    def scheduled(self, **schedules: list[dict[str, Any]]) -> Iterator[None]:
        """With these in schedules.yml up to the end of the block, and registered."""
        path = self.site.root / "schedules.yml"
        path.write_text(json.dumps(schedules))
        try:
            self._register_anew()
            yield
        finally:
            path.unlink()
            self._register_anew()

    def _register_anew(self) -> None:
        self.site.render_files()
        self.register("registration.yaml")

    def first_by_schedule(self) -> str:
        """The first run that a schedule started and that is Completed."""
        done = {"tags": {"all_": ["auto-scheduled"]}, "state": {"type": {"any_": ["COMPLETED"]}}}
        running.until("a run by schedule", lambda: self.runs_of_flights(flow_runs=done))
        return str(self.runs_of_flights(flow_runs=done)[-1]["id"])

    def runs_of_flights(self, **more: Any) -> list[dict[str, Any]]:
        """The parents, and not their months."""
        return running.all_runs(self.site, flows={"name": {"any_": ["flights"]}}, **more)


@pytest.fixture(scope="module")
def trusted(docker_site: SiteUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusted]:
    if os.geteuid() != 0:
        pytest.skip("root alone may tell an engine of a registry")
    site, log = docker_site, tmp_path_factory.mktemp("docker") / "commands"
    try:
        site.render("trust")
        doctor = site.render("doctor", check=False).stdout.splitlines()
        with pytest.MonkeyPatch.context() as user:
            user.setenv("PATH", f"{recording_docker(log)}{os.pathsep}{os.environ['PATH']}")
            first, second = (site.render("up").stdout.splitlines() for _ in range(2))
        yield Trusted(site, doctor, first, second, log.read_text())
    finally:
        forget(site.env["REGISTRY_HOST"])
        docker("image", "rm", *(in_registry(site, name) for name in IMAGES))


def recording_docker(log: Path) -> Path:
    """A folder with a `docker` that writes down its arguments, as a process list shows them, and becomes the real."""
    command = log.parent / "docker"
    real = shlex.quote(running.shell(log.parent, "command -v docker").stdout.strip())
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {shlex.quote(str(log))}\nexec {real} "$@"\n')
    command.chmod(0o755)
    return log.parent


class TestPush:
    def test_an_engine_that_does_not_trust_the_registry_leaves_it_out(self, docker_site: SiteUnderTest) -> None:
        """And registers all the same: the images may come from another machine."""
        address, host = registry(docker_site), docker_site.env["REGISTRY_HOST"]
        lines = (docker_site.root / UP).read_text().splitlines()
        assert f"image {' and '.join(IMAGES)}: not pushed; run `make up` again afterwards" in lines
        assert not [line for line in lines if "pushing" in line]
        assert [line for line in lines if line.startswith("this machine's engine cannot use ")] == [
            f"this machine's engine cannot use {address} yet: the name {host} does not resolve, and "
            f"/etc/docker/certs.d/{address}/ca.crt is missing; run `make trust-registry` as root"
        ]
        # The worker was first, with a template that names a block which was not made yet.
        assert [line.split(maxsplit=2)[-1] for line in lines if line.startswith("pool ")][-1] == "changed: description"
        for deployment in (DIRECT, LAUNCHER):
            assert [line.split()[-1] for line in lines if f" {deployment} " in line] == ["made"]

    def test_doctor_says_what_the_registry_lacks(self, trusted: Trusted) -> None:
        assert trusted.doctor[-2:] == [
            f"ok   the engine logs in to {trusted.registry} as prefect",
            f"note not in the registry yet: image {' and '.join(IMAGES)}; `make up` pushes it",
        ]

    def test_what_the_registry_lacks_is_pushed_and_nothing_twice(self, trusted: Trusted) -> None:
        pushed = [line for line in trusted.first if line.startswith("image ")]
        assert [line for line in pushed if "pushing" in line] == [
            f"image {name}: pushing it to {trusted.registry}" for name in IMAGES
        ]
        assert len(pushed) == 2 * len(IMAGES)
        assert not [line for line in trusted.second if line.startswith("image ") or "not pushed" in line]

    def test_the_password_stands_in_no_argument(self, trusted: Trusted) -> None:
        logins = [line for line in trusted.commands.splitlines() if line.startswith("login ")]
        assert logins == [f"login --username prefect --password-stdin {trusted.registry}"] * 2
        assert HARD_PASSWORD not in trusted.commands
        assert HARD_PASSWORD not in "\n".join([*trusted.first, *trusted.second])


@dataclass(frozen=True)
class Runs:
    """Runs that were started together: from the registry, a launch from there, and from an image of this engine.

    `flights` are from the registry too, one by hand and one by a schedule.

    `containers` is `docker inspect` of each one's own, taken while it was there: the reaper removes it afterwards.
    """

    direct: str
    launched: str
    of_this_engine: str
    flights: tuple[str, str]
    containers: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs(trusted: Trusted) -> Runs:
    trusted.forget_images()
    with trusted.scheduled(flights_image_docker=[OFTEN]):
        direct, launched = trusted.start(DIRECT), trusted.start(LAUNCHER)
        of_this_engine = trusted.start(DIRECT, image=local("weather"))
        by_hand = running.start(trusted.site, FLIGHTS, parameters={"months": [2, 1]})
        containers = trusted.containers(direct, launched, of_this_engine)
        states = trusted.ended(*containers, by_hand)
        by_schedule = trusted.first_by_schedule()
    assert [state["type"] for state in states] == ["COMPLETED"] * 4, states
    assert trusted.present() == set(IMAGES)
    # The schedule may have begun another.
    running.until("the flights have ended", lambda: all(run["end_time"] for run in trusted.runs_of_flights()))
    return Runs(direct, launched, of_this_engine, (by_hand, by_schedule), containers)


class TestRun:
    def test_is_a_container_of_the_pulled_image_which_holds_its_code(self, trusted: Trusted, runs: Runs) -> None:
        container = runs.containers[runs.direct]
        assert container["Config"]["Image"] == trusted.image("weather")
        assert container["Config"]["User"] == "1000:1000"
        assert {mount["Destination"] for mount in container["Mounts"]} == {"/srv/site/results"}
        figures = trusted.result(f"weather/{runs.direct}/figures.json")
        assert (figures["host"], figures["hours"]) == (container["Config"]["Hostname"], 26115)

    def test_a_run_by_hand_and_one_by_schedule_leave_their_months(self, trusted: Trusted, runs: Runs) -> None:
        by_hand, by_schedule = map(trusted.flights, runs.flights)
        assert by_hand == {"2013-01.parquet": 27004, "2013-02.parquet": 24951}
        assert by_schedule == {"2013-03.parquet": 28834}

    def test_the_same_image_serves_where_there_is_no_registry(self, trusted: Trusted, runs: Runs) -> None:
        """By the name that it has on the engine that made it: what its deployment says on such a site."""
        assert runs.containers[runs.of_this_engine]["Config"]["Image"] == local("weather")

    def test_a_launch_without_parameters_is_the_algorithm_from_the_registry(self, trusted: Trusted, runs: Runs) -> None:
        summary = trusted.result(f"{runs.launched}/summary.json")
        assert (summary["task"], summary["components"]) == ("train", 10)

    def test_no_container_shows_the_password(self, trusted: Trusted, runs: Runs) -> None:
        containers = [*runs.containers.values(), *running.containers(trusted.site)]
        assert trusted.block()["data"]["password"] == HARD_PASSWORD
        for ensure_ascii in (True, False):
            shown = json.dumps([one["Config"] | one["HostConfig"] for one in containers], ensure_ascii=ensure_ascii)
            assert json.dumps(HARD_PASSWORD, ensure_ascii=ensure_ascii)[1:-1] not in shown
        logs = trusted.site.compose("worker-docker", "logs", "--no-color").stdout
        assert "Logging into Docker registry" in logs
        assert HARD_PASSWORD not in logs


class TestRefusals:
    def crashed(self, trusted: Trusted, run: str, image: str) -> str:
        """What the worker says after the image's name."""
        (state,) = trusted.ended(run)
        beginning = f"{SUBMITTED}EngineError: no container of {image}: "
        assert state["type"] == "CRASHED"
        assert state["message"].startswith(beginning)
        return str(state["message"].removeprefix(beginning))

    def test_an_image_that_is_not_there(self, trusted: Trusted) -> None:
        image = f"{trusted.registry}/prefect-site/weather:none"
        said = self.crashed(trusted, trusted.start(DIRECT, image=image), image)
        assert said == (
            f"manifest for {image} not found: manifest unknown: manifest unknown; {PUSH} the job variable image"
        )

    def test_a_wrong_password_until_the_next_registration(self, trusted: Trusted) -> None:
        trusted.forget_images()
        block = trusted.block()
        with running.api(trusted.site) as client:
            body = {"data": block["data"] | {"password": "wrong"}}
            client.patch(f"/block_documents/{block['id']}", json=body).raise_for_status()
        direct, launched = trusted.start(DIRECT), trusted.start(LAUNCHER)
        said = self.crashed(trusted, direct, trusted.image("weather"))
        assert "401 Unauthorized" in said
        assert said.endswith(f"; {LOGIN} the job variable registry_credentials names")
        (state,) = trusted.ended(launched)
        assert state["type"] == "FAILED"
        assert state["message"].startswith(f"image {trusted.image('pca')} cannot be pulled: unauthorized")
        assert state["message"].endswith(f"; {LOGIN} SITE_REGISTRY_BLOCK names, or `docker login`")
        assert f"block              {BLOCK}  changed: password" in trusted.register("registration.yaml").splitlines()
        assert trusted.block()["data"] == block["data"]

    def test_a_registry_that_is_down(self, trusted: Trusted) -> None:
        trusted.forget_images()
        trusted.site.compose("registry", "stop")
        try:
            direct, launched = trusted.start(DIRECT), trusted.start(LAUNCHER)
            said = self.crashed(trusted, direct, trusted.image("weather"))
            (state,) = trusted.ended(launched)
        finally:
            trusted.site.compose("registry", "up", "--detach", "--wait")
        assert said.endswith("connection refused; start the registry, or correct the job variable image")
        assert state["type"] == "FAILED"
        assert state["message"].startswith(f"image {trusted.image('pca')} cannot be pulled: ")
        assert state["message"].endswith("connection refused; start the registry, or correct image_name")

    def test_a_mount_that_the_proxy_refuses(self, trusted: Trusted) -> None:
        run = trusted.start(DIRECT, volumes=["/etc:/host:ro"])
        said = self.crashed(trusted, run, trusted.image("weather"))
        assert said.startswith("the engine's proxy refused POST /containers/create: socket proxy (worker): ")
        assert said.endswith(
            "; leave out of the job variables what the site's engine proxy forbids, or have its settings allow it"
        )
