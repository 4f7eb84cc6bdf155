"""The machine on which sbatch and scontrol are called: the worker's own, or another through SSH."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from launchers.launching.errors import LaunchError
from launchers.slurm_jobs.errors import ClusterError
from launchers.slurm_jobs.marked_command import MarkedCommand

SSH_FAILED = 255  # what ssh exits with where it, and not the command, has failed
COMMAND_SECONDS = 120

# What a batch job may inherit from the worker, whose other variables are Prefect's login and the like.
_HARMLESS = re.compile(r"HOME|LANG|LC_\w+|LOGNAME|PATH|SHELL|SLURM_CONF|TMPDIR|TZ|USER")
_REMEDIES = (
    (r"Permission denied", "correct submission_ssh_key, or add its public key to the account there"),
    (r"Host key verification failed", "add the host's key to the known hosts of the worker's user"),
    (r"Could not resolve|Name or service", "correct submission_host"),
)
# Slurm's commands say these where its controller is being restarted.
_AWAY = re.compile(
    r"Unable to contact slurm controller|is DOWN|Connection (refused|timed out)|Socket timed out", re.IGNORECASE
)


@dataclass(frozen=True)
class LoginNode:
    """`prefix` is what a shell command is given to; empty for this machine."""

    name: str
    prefix: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def run(self, script: str, stdin: bytes = b"") -> bytes:
        """What the shell commands print, in one line of shell. Raises ClusterError with what they say if they fail.

        Start-up files of the account print as well, and none of that is in the answer.
        """
        marked = MarkedCommand(script)
        command = [*self.prefix, shlex.join(["exec", *marked.words])] if self.prefix else marked.words
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, env=self.environ, timeout=COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"{self.name} did not answer within {COMMAND_SECONDS} s", away=True) from None
        except OSError as error:
            raise ClusterError(f"{command[0]} cannot be started on this worker: {error.strerror}") from None
        answer = marked.answer(done.stdout)
        words = marked.complaint(done.stderr)
        if answer is None:
            raise self._no_answer(done.returncode, marked.begun(done.stdout), words or _text(done.stdout))
        printed, code = answer
        if code:
            raise ClusterError(words or f"a command failed with exit code {code}", away=bool(_AWAY.search(words)))
        return printed

    def _no_answer(self, code: int, begun: bool, words: str) -> ClusterError:
        if self.prefix and code == SSH_FAILED:
            remedy = next((f": {remedy}" for pattern, remedy in _REMEDIES if re.search(pattern, words)), "")
            return ClusterError(f"{self.name} cannot be reached by SSH ({_last_line(words)}){remedy}", away=True)
        if begun:
            return ClusterError(f"a command on {self.name} was ended (exit code {code})", away=True)
        return ClusterError(
            f"the shell of {self.name} ended before it ran a command (exit code {code}, {_last_line(words)}): correct "
            "the account's shell or start-up files there, which end or replace a shell without a terminal"
        )


@contextmanager
def login_node(host: str, key: str, environ: Mapping[str, str] = os.environ) -> Iterator[LoginNode]:
    """The node at `host`, USER@HOST[:PORT], or at the site's, SITE_SSH_HOST; this machine where both are empty.

    `key` is a private key's file; where it is empty SITE_SSH_KEY names the site's, if it has one.
    """
    host = host or environ.get("SITE_SSH_HOST", "")
    harmless = {name: value for name, value in environ.items() if _HARMLESS.fullmatch(name)}
    if not host:
        yield LoginNode("this machine", environ=harmless)
        return
    with tempfile.TemporaryDirectory(prefix="ssh-") as folder:
        options = [
            *_options(folder, environ.get("SITE_SSH_KNOWN_HOSTS", "")),
            *_identity(key or environ.get("SITE_SSH_KEY", ""), folder),
        ]
        ssh = ["ssh", *options, f"ssh://{host}"]
        agent = {name: value for name, value in environ.items() if name == "SSH_AUTH_SOCK"}
        node = LoginNode(host, prefix=[*ssh, "--"], environ={**harmless, **agent})
        try:
            yield node
        finally:
            with suppress(OSError):
                end = [*ssh[:-1], "-O", "exit", ssh[-1]]
                subprocess.run(end, env=node.environ, capture_output=True, check=False)


def _options(folder: str, known_hosts: str) -> list[str]:
    """No question is ever asked; one connection serves all commands, as clusters count logins."""
    said = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": "20",
        "ServerAliveInterval": "15",
        "ControlMaster": "auto",
        "ControlPersist": "yes",
        "ControlPath": f"{folder}/control",
    }
    if known_hosts:
        said["UserKnownHostsFile"] = known_hosts
    return [f"-o{name}={value}" for name, value in said.items()]


def _identity(key: str, folder: str) -> list[str]:
    """A copy of the key that only this user may read: ssh refuses one that others may read."""
    if not key:
        return []
    copy = Path(folder, "key")
    try:
        copy.touch(mode=0o600)
        copy.write_bytes(Path(key).expanduser().read_bytes())
    except OSError as error:
        raise LaunchError(f"submission_ssh_key {key} cannot be read: {error.strerror}") from None
    return ["-i", str(copy), "-oIdentitiesOnly=yes"]


def _text(output: bytes) -> str:
    return output.decode(errors="replace").strip()


def _last_line(words: str) -> str:
    return words.splitlines()[-1] if words else "no message"
