"""The engines that launches are tested on: the machine's Docker, and a Podman service in a container of its own."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.secrets import secrets as build_secrets
from stack.images.site_images import bases
from tests import sites

HERE = Path(__file__).parent
CLIENT = HERE.parents[2] / "client"
WAIT_SECONDS = 300
# For sh: the first process of a container hears only what it asks for, and Podman waits 10 s for one that is deaf.
SLEEP = "trap 'exit 0' TERM; sleep 600 & wait"
_LABELS = [f"{name}={value}" for name, value in sites.LABELS.items()]


@dataclass(frozen=True)
class Place:
    """An engine: where it listens, its command line, and its two tiny images: user root, and user 1000."""

    name: str
    host: str
    command: tuple[str, ...]
    images: tuple[str, ...]

    def run(self, *arguments: str, check: bool = True) -> str:
        """What the engine's own command prints."""
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout.strip()


def tiny_images() -> tuple[str, ...]:
    """Two images of a few programs, one whose user is root and one whose user is 1000."""
    return tuple(build("tiny", HERE / "busybox", IMAGE_USER=user) for user in ("0", "1000"))


@contextmanager
def running_podman(shared: Path, references: tuple[str, ...]) -> Iterator[Place]:
    """Podman's service in a privileged container, `shared` mounted under its own path, with these images."""
    name, folder = f"podman-{secrets.token_hex(4)}", shared / "podman"
    folder.mkdir()
    mounts = ["--volume=/var/lib/containers", f"--volume={shared}:{shared}"]
    labels = [f"--label={label}" for label in _LABELS]
    service = ["system", "service", "--time=0", f"unix://{folder}/podman.sock"]
    options = ["--detach", "--privileged", "--entrypoint=podman", "--name", name, *mounts, *labels]
    subprocess.run(["docker", "run", *options, podman_image(), *service], check=True, capture_output=True)
    place = Place("podman", f"unix://{folder}/podman.sock", ("docker", "exec", name, "podman"), references)
    try:
        wait_until((folder / "podman.sock").exists)
        for reference in references:
            copy_image(reference, name)
        yield place
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True, capture_output=True)


def copy_image(reference: str, podman: str) -> None:
    """From the Docker engine to the Podman service in the container `podman`."""
    with subprocess.Popen(["docker", "save", reference], stdout=subprocess.PIPE) as saved:
        load = ["docker", "exec", "-i", podman, "podman", "load"]
        subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True)


def prefect_image() -> str:
    """The site's own image with Prefect."""
    return names.reference("prefect", sites.REPO, bases(SETTINGS.defaults()))


def podman_image() -> str:
    """That of the site's own Podman; like the other images of the site, it stays."""
    names.ensure(("podman",), sites.REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    return names.reference("podman", sites.REPO, bases(SETTINGS.defaults()))


def build(name: str, folder: Path, **arguments: str) -> str:
    """An image from the Dockerfile in `folder` on the site's own, removed with what else the tests made."""
    reference = f"localhost/launch-test-{name}:{secrets.token_hex(4)}"
    with build_secrets(None) as files:
        options = [f"--secret=id={name},src={path}" for name, path in files.items()]
        options += [f"--label={label}" for label in _LABELS]
        options += [f"--build-arg={key}={value}" for key, value in ({"BASE": prefect_image()} | arguments).items()]
        command = ["docker", "build", "--quiet", *options, "--tag", reference, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return reference


def wait_until(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Returns once the condition holds; fails where it does not come to hold."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "what was waited for did not come"
        time.sleep(0.1)
