"""A second engine in a privileged container on a network of its own: as good as another machine."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import imagebuild_engine, images
from stack.imagebuild_secrets import secrets
from tests import sites
from tests.e2e import running
from tests.sites import REPO

LABELS = [f"--label={name}={value}" for name, value in sites.LABELS.items()]
# Of its own, so that no address of a container there is also one here.
SUBNETS = ("--bip=10.213.0.1/24", "--default-address-pool=base=10.214.0.0/16,size=24")


@contextmanager
def second_engine(folder: Path) -> Iterator[str]:
    """The engine's address, for DOCKER_HOST. The folder is to be found there too, under the same path."""
    name = f"machine-{os.getpid()}"
    socket = folder / "docker.sock"
    options = [*LABELS, f"--name={name}", f"--network={name}", "--privileged", f"--volume={folder}:{folder}"]
    # The group of whoever runs this may use the socket, as on a machine of theirs.
    daemon = [f"--host=unix://{socket}", f"--group={os.getgid()}", *SUBNETS]
    checked("docker", "network", "create", *LABELS, name)
    try:
        checked("docker", "run", "--detach", *options, _image(), *daemon)
        running.until("the second engine answers", lambda: _answers(f"unix://{socket}"))
        yield f"unix://{socket}"
    finally:
        sites.docker("rm", "--force", "--volumes", name)
        sites.docker("network", "rm", name)


def carry(image: str, engine: str) -> None:
    """`docker save` here, `docker load` there."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
        subprocess.run(
            ["docker", "load", "--quiet"],
            stdin=saved.stdout, env=running.environment(DOCKER_HOST=engine), check=True, capture_output=True,
        )  # fmt: skip


def checked(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def _image() -> str:
    tag = f"localhost/site-test/machine:{os.getpid()}"
    command = ["docker", "build", "--quiet", "--network=host", *LABELS, f"--tag={tag}"]
    with secrets(None) as files:
        given = [f"--secret=id={name},src={path}" for name, path in files.items()]
        command += [
            *given,
            f"--build-arg=BASE_IMAGE={images.reference('redis', REPO)}",
            str(Path(__file__).parent / "dind"),
        ]
        built = subprocess.run(command, env=imagebuild_engine.builder(), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return tag


def _answers(engine: str) -> bool:
    return subprocess.run(["docker", "--host", engine, "version"], capture_output=True, check=False).returncode == 0
