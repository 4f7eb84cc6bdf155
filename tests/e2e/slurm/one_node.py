"""A real Slurm of one node in a container, reached by SSH from this machine and from containers of its network."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sites
from tests.e2e import running
from tests.e2e.launcher.places import build
from tests.e2e.second_engine import LABELS, checked

USER = "prefect"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class OneNode:
    """The node's container and its address; `key` is a private key for it, `known_hosts` holds its own."""

    container: str
    address: str
    key: Path
    known_hosts: Path

    @property
    def host(self) -> str:
        """What `submission_host` of a job says."""
        return f"{USER}@{self.address}"

    def run(self, script: str, user: str = USER) -> str:
        """What shell commands print there."""
        return checked("docker", "exec", f"--user={user}", self.container, "sh", "-lc", script)

    def jobs(self, flow_run_id: str) -> dict[str, str]:
        """Number -> state of all jobs of a flow run that Slurm has not forgotten."""
        rows = [row.split() for row in self.run("squeue --states=all --noheader --format='%i %T %k'").splitlines()]
        return {number: state for number, state, comment in rows if comment == flow_run_id}


@contextmanager
def running_node(
    folder: Path, network: str = "bridge", min_job_age: int = 300, volumes: Sequence[str] = ()
) -> Iterator[OneNode]:
    """A node on a network of the engine; its keys are in `folder`. It forgets jobs `min_job_age` s after their end."""
    name, key = f"slurm-{secrets.token_hex(4)}", folder / "id"
    checked("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    options = [*LABELS, "--init", f"--name={name}", "--hostname=slurm", f"--network={network}"]
    env = {"AUTHORIZED_KEY": key.with_suffix(".pub").read_text().strip(), "MIN_JOB_AGE": min_job_age}
    options += ["--privileged", *(f"--env={variable}={value}" for variable, value in env.items())]
    options += [f"--volume={volume}" for volume in volumes]
    try:
        checked("docker", "run", "--detach", *options, _image())
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = checked("docker", "inspect", "--format", form, name)
        node = OneNode(name, address, key, folder / "known_hosts")
        running.until("the node is idle", lambda: _state(name) == "idle")
        node.known_hosts.write_text(f"{address} {node.run('cat /etc/ssh/ssh_host_ed25519_key.pub')}\n")
        yield node
    finally:
        sites.docker("rm", "--force", "--volumes", name)


def _image() -> str:
    """Slurm on the image that runs flows, so that a job finds what flows find there."""
    base = bases(SETTINGS.defaults())
    names.ensure(["flows"], sites.REPO, "auto", None, {}, report=print, bases=base)
    return build("slurm", HERE, BASE=names.reference("flows", sites.REPO, base))


def _state(container: str) -> str:
    command = ["docker", "exec", container, "sinfo", "--noheader", "--format=%T", "--partition=low"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
