"""A second engine in a privileged container on a network of its own: as good as another machine."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.images import names
from tests import sites
from tests.e2e import running
from tests.sites import REPO

LABELS = [f"--label={name}={value}" for name, value in sites.LABELS.items()]
# Of its own, so that no address of a container there is also one here.
SUBNETS = ("--bip=10.215.0.1/24", "--default-address-pool=base=10.216.0.0/16,size=24")

# Without that of the image's own Prefect.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Machine:
    """The machine's name, a folder that it has under the same path, and its engine's address for DOCKER_HOST."""

    name: str
    folder: Path
    engine: str

    def shell(self, folder: Path, command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """A line of shell with this engine for `docker`."""
        return running.shell(folder, command, DOCKER_HOST=self.engine, **environment)

    def docker(self, *arguments: str, **environment: str) -> str:
        return checked("docker", *arguments, DOCKER_HOST=self.engine, **environment)

    def inside(self, folder: Path, command: str) -> "subprocess.CompletedProcess[str]":
        """A line of shell typed on the machine itself, which has what its distribution gives, and nothing of ours."""
        typed = ["docker", "exec", f"--env=PATH={PATH}", f"--workdir={folder}", self.name, "sh", "-c", command]
        return subprocess.run(typed, capture_output=True, text=True, check=False)

    def carry(self, *references: str) -> None:
        """`docker save` here, `docker load` there."""
        with subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "load", "--quiet"],
                stdin=saved.stdout, env=running.environment(DOCKER_HOST=self.engine), check=True, capture_output=True,
            )  # fmt: skip

    def trust(self, certs: Path, name: str, address: str) -> None:
        """What `make trust-registry` does on a machine: the registry's CA and its name."""
        checked("docker", "exec", self.name, "mkdir", "-p", "/etc/docker/certs.d")
        checked("docker", "cp", f"{certs}/.", f"{self.name}:/etc/docker/certs.d")
        checked("docker", "exec", self.name, "sh", "-c", f"echo {address} {name} >> /etc/hosts")


@contextmanager
def second_engine(folder: Path, *more: str, internal: bool = False) -> Iterator[Machine]:
    """A machine with nothing on its engine; `more` are options of its container, `internal` is one without egress."""
    name = f"machine-{os.getpid()}"
    machine = Machine(name, folder, f"unix://{folder}/docker.sock")
    names.ensure(["dind"], REPO, "auto", None, {}, report=print)
    image = names.reference("dind", REPO)
    options = [*LABELS, "--init", f"--name={name}", f"--network={name}", "--privileged", f"--volume={folder}:{folder}"]
    options += more
    # The group of the user who runs this may use the socket, as on a machine of theirs.
    sockets = [f"--host={machine.engine}", "--host=unix:///var/run/docker.sock", f"--group={os.getgid()}"]
    checked("docker", "network", "create", *LABELS, *(["--internal"] if internal else []), name)
    try:
        checked("docker", "run", "--detach", *options, image, "machine", *sockets, *SUBNETS)
        running.until("the second engine answers", lambda: _answers(machine.engine))
        yield machine
    finally:
        sites.docker("rm", "--force", "--volumes", name)
        sites.docker("network", "rm", name)


def checked(*command: str, **environment: str) -> str:
    done = subprocess.run(command, env=running.environment(**environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def _answers(engine: str) -> bool:
    return subprocess.run(["docker", "--host", engine, "version"], capture_output=True, check=False).returncode == 0
