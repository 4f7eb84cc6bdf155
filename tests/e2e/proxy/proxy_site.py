"""A proxy as a site runs it: in a container of the site's image, in front of the real engine."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sites

PACKAGE = Path(__file__).parents[3] / "socket-proxy"
LABEL = "site.test=1"
HEALTHY_SECONDS = 300
_STATE = "{{.State.Status}} {{.State.Health.Status}}"


@dataclass(frozen=True)
class Site:
    """`name` is the site's name, its network's and its proxy container's; `work` the allowed host path."""

    name: str
    image: str
    work: Path
    sockets: Path

    def host(self, role: str) -> str:
        return f"unix://{self.sockets}/{role}.sock"

    def client(self, role: str) -> docker.DockerClient:
        """The Docker SDK as `role`; a busy engine may take long to answer."""
        return docker.DockerClient(base_url=self.host(role), timeout=300)

    def docker(self, role: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The Docker CLI as `role`."""
        environment = os.environ | {"DOCKER_HOST": self.host(role), "DOCKER_BUILDKIT": "0"}
        command = ["docker", *arguments]
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)

    def run(self, *options: str) -> list[str]:
        """Arguments of a `docker run` that would pass."""
        return [
            "run",
            "--rm",
            "--label",
            LABEL,
            "--label",
            f"site.test.of={self.name}",
            "--network",
            self.name,
            *options,
        ]

    def log(self) -> list[str]:
        return engine("logs", self.name, both=True).splitlines()


def engine(*arguments: str, both: bool = False) -> str:
    """The output of the Docker CLI on the engine itself."""
    errors = subprocess.STDOUT if both else subprocess.PIPE
    command = ["docker", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=True).stdout.strip()


def prefect_image() -> str:
    """The site's Prefect image, built from the recipes here if the engine lacks it."""
    given = bases(SETTINGS.defaults())
    names.ensure(("prefect",), sites.REPO, "auto", None, {}, report=print, bases=given)
    return names.reference("prefect", sites.REPO, given)


# How the page says to start it: root, which it gives up, with the three capabilities that this takes.
AS_ROOT = ("--user", "0:0", "--cap-add", "CHOWN", "--cap-add", "SETUID", "--cap-add", "SETGID")


@contextmanager
def a_site(*user: str) -> Iterator[Site]:
    """Removes everything of it afterwards, including the containers that it made. `user` are options of its start."""
    name = f"site-test-{uuid.uuid4().hex[:8]}"
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # the proxy is somebody else, and looks at the allowed path
    site = Site(name, prefect_image(), folder / "work", folder / "sockets")
    try:
        site.work.mkdir()
        site.sockets.mkdir()
        site.sockets.chmod(0o777)  # for a start that is not root's
        for network in (name, f"{name}-more"):
            engine("network", "create", "--label", LABEL, network)
        engine("run", "--detach", "--name", name, *start_options(site, user or AS_ROOT))
        wait_until_healthy(site)
        yield site
    finally:
        _remove(site)
        shutil.rmtree(folder)


def start_options(site: Site, user: Sequence[str]) -> list[str]:
    """What comes after `docker run` for the proxy."""
    settings = {
        "PYTHONPATH": "/opt/socket-proxy",
        "SITE": site.name,
        "DOCKER_PROXY_SOCKET_MODE": "666",
        "DOCKER_PROXY_WORKER_LISTEN": "unix:///run/socket-proxy/worker.sock",
        "DOCKER_PROXY_WORKER_IMAGES": "localhost/prefect-site/*",
        "DOCKER_PROXY_WORKER_NETWORKS": f"{site.name},{site.name}-more",
        "DOCKER_PROXY_WORKER_VOLUMES": f"{site.name}-flows",
        "DOCKER_PROXY_LAUNCHER_LISTEN": "unix:///run/socket-proxy/launcher.sock",
        "DOCKER_PROXY_LAUNCHER_IMAGES": "localhost/prefect-site/*",
        "DOCKER_PROXY_LAUNCHER_BIND_PATHS": str(site.work),
        "DOCKER_PROXY_REAPER_LISTEN": "unix:///run/socket-proxy/reaper.sock",
    }
    mounts = [
        "/var/run/docker.sock:/var/run/docker.sock",
        f"{PACKAGE}:/opt/socket-proxy:ro",
        f"{site.work}:{site.work}:ro",
        f"{site.sockets}:/run/socket-proxy",
    ]
    return [
        *("--label", LABEL, "--network", "none", "--read-only", "--cap-drop", "ALL", *user),
        *("--security-opt", "no-new-privileges", "--entrypoint", "python"),
        *("--health-cmd", "python -m socket_proxy --check", "--health-interval", "1s"),
        *(word for key, value in settings.items() for word in ("--env", f"{key}={value}")),
        *(word for mount in mounts for word in ("--volume", mount)),
        *(site.image, "-m", "socket_proxy"),
    ]


def wait_until_healthy(site: Site) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while (state := engine("inspect", "--format", _STATE, site.name)) != "running healthy":
        assert state.startswith("running") and time.monotonic() < deadline, f"{state}\n{site.log()}"
        time.sleep(0.2)


def _remove(site: Site) -> None:
    """By the site's label and by its name; the engine removes some of them by itself at the same time."""
    for filters in (f"label=site={site.name}", f"name=^{site.name}"):
        for name in engine("ps", "--all", "--quiet", "--filter", filters).split():
            subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)
    for kind in ("network", "volume"):
        if found := engine(kind, "ls", "--quiet", "--filter", f"name=^{site.name}").split():
            engine(kind, "rm", *found)
