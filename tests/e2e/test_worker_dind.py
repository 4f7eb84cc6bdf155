"""Docker workers on an engine of their own, without privileges, with the site's registry: what its page promises.

What every engine has in common is in test_engines.py, where the one in a container is privileged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stack.complete import authority
from stack.components.all import SETTINGS
from stack.components.component import CLIENT_USAGE
from stack.components.worker_dind import rootless
from stack.images import names as images
from stack.images.site_images import bases
from stack.run.machine import ThisMachine
from tests import sites
from tests.e2e import running
from tests.e2e.launcher.places import HERE, build
from tests.sites import REPO, SiteUnderTest, docker

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

FLOW_RUN = "io.prefect.flow-run-id"
LACKING = "; ".join(finding.what for finding in rootless(ThisMachine(REPO)))
# Exit status 0 where the engine answers; its certificate is not looked at, ours is what matters.
KNOCK = """
import socket, ssl, sys
context = ssl._create_unverified_context()
if sys.argv[2:]:
    context.load_cert_chain(*sys.argv[2:])
with context.wrap_socket(socket.create_connection((sys.argv[1], 2376))) as engine:
    engine.sendall(b"GET /_ping HTTP/1.0\\r\\n\\r\\n")
    print(engine.recv(15).decode())
"""


@dataclass(frozen=True)
class Dind:
    """The site, and what its first `up` said."""

    site: SiteUnderTest
    said: str

    def compose(self, *arguments: str, check: bool = True) -> str:
        done = self.site.compose("worker-docker", "--file", "compose.dind.yaml", *arguments, check=check)
        return done.stdout + done.stderr

    def ask(self, *arguments: str) -> str:
        """What the engine's own command prints."""
        return self.compose("exec", "--no-TTY", "dind", "docker", *arguments)

    def launch(self, image: str, command: list[str], **more: Any) -> str:
        """A run of the launcher; its id."""
        name, _, tag = image.rpartition(":")
        asked = {"image_name": name, "image_tag": tag, "command": command, "params": {}} | more
        return running.start(self.site, "Docker flow/launch_dind", parameters={"docker_params": asked})

    def log(self, run: str) -> list[str]:
        with running.api(self.site) as client:
            body = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}
            found = client.post("/logs/filter", json=body).raise_for_status().json()
        return [line for entry in found for line in entry["message"].splitlines()]

    def doctor(self) -> list[str]:
        return self.site.render("doctor", check=False).stdout.splitlines()

    @property
    def registry(self) -> str:
        return f"registry:{self.site.env['REGISTRY_PORT']}"


@pytest.fixture(scope="module")
def dind(site_images: None) -> Iterator[Dind]:
    """`up` has run its sample there."""
    if LACKING:
        pytest.skip(LACKING)
    names = ("registry", "worker-docker", "dind", "flights", "weather", "pca")
    images.ensure(names, REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    site = sites.make_site(
        COMPONENTS="server registry worker-dind client",
        SERVER_DATABASE="sqlite",
        REGISTRY_PORT=sites.free_ports(1)[0],
        MAX_CRASH_RETRIES=0,  # a run that could not start stays as it is
        DIND_ROOTLESS=True,
        DIND_SUBNET="10.199.0.0/20",
    )
    try:
        done = site.render("up", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Dind(site, done.stdout)
    finally:
        site.render("down", check=False)
        site.remove()


def local(name: str) -> str:
    return images.reference(name, REPO, bases(SETTINGS.defaults()))


def test_the_sample_runs_in_the_engine_of_the_site_and_not_in_the_machines(dind: Dind) -> None:
    assert f"worker-dind: loading {local('flows')}\n" in dind.said
    assert "\n1 Completed\n" in dind.said
    assert FLOW_RUN in dind.ask("ps", "--all", "--format", "{{.Labels}}")
    assert not running.containers(dind.site, f"label={FLOW_RUN}")


def test_the_engine_has_no_privileges(dind: Dind) -> None:
    (engine,) = running.service(dind.site, "dind")
    assert engine["HostConfig"]["Privileged"] is False
    assert not engine["HostConfig"]["CapAdd"]
    processes = [line.split()[1:] for line in docker("top", engine["Id"], "-eo", "pid,uid,comm").splitlines()]
    assert ["100000", "dockerd"] in processes


def test_an_image_of_the_registry_is_pulled_and_run_as_the_same_users_as_everywhere(dind: Dind) -> None:
    """The launched container finds the API and the registry by name, and writes where the site's other parts read."""
    image = pushed(dind, build("tiny", HERE / "busybox", IMAGE_USER="1000"))
    names = "nslookup server && nslookup registry"
    command = f"cat /proc/self/uid_map; {names} && id -u > /results/by && cat /app/work/config/params.yaml"
    run = dind.launch(image, ["sh", "-c", command], volumes=["/srv/site/results:/results"])
    (state,) = running.ended(dind.site, run)
    assert state["type"] == "COMPLETED", state
    running.until("its last line", lambda: f"  uid_save: {run}" in dind.log(run))
    assert "         0     100000          1" in dind.log(run)
    volume = f"--volume={dind.site.name}-results:/r:ro"
    assert docker("run", "--rm", volume, local("prefect"), "stat", "--format=%u", "/r/by") == "1000\n"


def pushed(dind: Dind, image: str) -> str:
    """The image in the site's registry, by way of its engine, which has it no longer."""
    name = f"{dind.registry}/lab/tiny:1"
    folder = dind.site.root / "worker-docker"
    load = "docker compose -f compose.dind.yaml exec -T dind docker load"
    done = running.shell(folder, f"docker save {image} | {load}")  # as the page says
    assert done.returncode == 0, done.stderr
    script = f"docker login -u prefect --password-stdin {dind.registry} && docker tag {image} {name} && "
    script += f"docker push --quiet {name} && docker logout {dind.registry} && docker image rm {image} {name}"
    entered = f"printf %s \"$PASSWORD\" | docker compose -f compose.dind.yaml exec -T dind sh -c '{script}'"
    done = running.shell(folder, entered, PASSWORD=dind.site.env["REGISTRY_PASSWORD"])
    assert done.returncode == 0, done.stderr
    assert not dind.ask("image", "ls", "--quiet", name)
    return name


def test_what_the_engine_may_not_be_asked_fails_the_run_and_says_so(dind: Dind) -> None:
    """Anyone with the API's login may name mounts of a flow container, but not those of the engine's machine."""
    run = running.start(dind.site, "weather/weather_dind", job_variables={"volumes": ["/run/dind:/engine"]})
    (state,) = running.ended(dind.site, run)
    assert state["type"] == "CRASHED"
    assert "'/run/dind' is outside the allowed host paths" in state["message"]


def test_only_a_certificate_of_the_sites_own_opens_the_engine(dind: Dind) -> None:
    client, server = ("/c/dind-client.crt", "/c/dind-client.key"), ("/c/dind.crt", "/c/dind.key")
    assert knock(dind) == ""
    assert knock(dind, *server) == "", "a certificate of a server is none of a client"
    assert knock(dind, *client) == "HTTP/1.0 200 OK\n"
    other = authority.Authority(dind.site.root / "other", "other")
    for file in other.issue("stranger", "dind-client", ["dind-client"], CLIENT_USAGE):
        path = dind.site.root / "worker-docker" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    assert knock(dind, *client, folder="stranger/secrets") == ""


def knock(dind: Dind, *certificate: str, folder: str = "secrets") -> str:
    """What the engine answers to a container on the site's network; nothing where it refuses."""
    (engine,) = running.service(dind.site, "dind")
    address = engine["NetworkSettings"]["Networks"][dind.site.name]["IPAddress"]
    options = [f"--network={dind.site.name}", f"--volume={dind.site.root}/worker-docker/{folder}:/c:ro", "--user=0"]
    labels = [f"--label={name}={value}" for name, value in sites.LABELS.items()]
    return docker("run", "--rm", *options, *labels, local("prefect"), "python", "-c", KNOCK, address, *certificate)


def test_doctor_asks_the_engine_and_whether_it_may_pull(dind: Dind) -> None:
    version = dind.ask("version", "--format", "{{.Server.Version}}").strip()
    lines = dind.doctor()
    assert f"ok   the engine of worker-dind answers: docker {version}" in lines
    assert f"ok   the engine of worker-dind logs in to {dind.registry} as prefect" in lines
    assert not [line for line in lines if line.startswith("FAIL") and "DIND" in line]


def test_an_engine_that_was_away_is_found_again(dind: Dind) -> None:
    dind.compose("stop", "dind")
    assert "note the engine of worker-dind is not running; start it with `make up`" in dind.doctor()
    run = running.start(dind.site, "weather/weather_dind")
    (state,) = running.ended(dind.site, run)
    assert "no engine answers at tcp://dind:2376" in state["message"]
    dind.compose("start", "dind")
    running.until_healthy(dind.site)
    assert dind.site.render("up").stdout.count("worker-dind dind: healthy") == 1
    (state,) = running.ended(dind.site, running.start(dind.site, "weather/weather_dind"))
    assert state["type"] == "COMPLETED", state


def test_down_leaves_no_container_and_no_network(dind: Dind) -> None:
    running_one = dind.launch(local("flows"), ["sh", "-c", "exec sleep 600"])
    label = f"--filter=label={FLOW_RUN}={running_one}"
    running.until("a flow container and its own", lambda: len(dind.ask("ps", "--quiet", label).split()) == 2)
    dind.site.render("down")
    assert docker("ps", "--all", "--quiet", f"--filter=label=site={dind.site.name}") == ""
    assert docker("network", "ls", "--quiet", f"--filter=label=site={dind.site.name}") == ""
    assert f"{dind.site.name}-worker-dind_rootless-storage" in docker("volume", "ls", "--quiet").split()
