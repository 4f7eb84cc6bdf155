"""Sites for tests: rendered by the real command, labelled, and gone when the test is over.

What tests make on the engine carries LABELS, or SITE_LABELS where a `.env` says so, and is removed by them: by the
finalizer of the test, and again before and after a session, for a session that was killed has left its own behind.
"""

import io
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from stack.cli import main
from stack.load import envfile
from stack.run import engine

REPO = Path(__file__).resolve().parents[1]
# The session is named by its process, so that two that run at once leave each other's sites alone.
LABELS = {"site.test": "1", "site.session": str(os.getpid())}
SESSION = f"site.session={LABELS['site.session']}"
SITE_LABELS = ",".join(f"{name}={value}" for name, value in LABELS.items())
# Below the ports that the kernel gives to connections (ip_local_port_range begins at 32768), a part for each of the
# processes that share the tests: a port is chosen long before anything listens on it.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
LISTENING = range(20000 + 3192 * _PROCESS, 20000 + 3192 * (_PROCESS + 1))
# What docker calls the kind of thing, its labels in `docker inspect`, and its options for `rm`; in order of removal.
KINDS = (
    ("container", ".Id", ".Config.Labels", ("--force", "--volumes")),
    ("network", ".Id", ".Labels", ("--force",)),
    ("volume", ".Name", ".Labels", ("--force",)),
    ("image", ".Id", ".Config.Labels", ("--force",)),
)


@dataclass(frozen=True)
class SiteUnderTest:
    """A rendered site in a folder of its own, with a port that was free."""

    name: str
    root: Path
    port: int

    @property
    def env(self) -> dict[str, str]:
        """The settings as they are in `.env`, secrets that render made included."""
        path = self.root / ".env"
        return dict(_values(path, path.stat().st_mtime_ns))

    @property
    def url(self) -> str:
        """The API as this machine reaches it."""
        return f"http://127.0.0.1:{self.port}/api"

    def set(self, **settings: object) -> None:
        """Writes the settings into `.env`, in place of the old content; `render` makes them count."""
        write_env(self.root / ".env", self.env | {key: str(value) for key, value in settings.items()})

    def render(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return render("--output", str(self.root), *arguments, check=check)

    def render_files(self) -> None:
        """Makes the settings count in the files, without a process of its own for it."""
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = main(["--output", str(self.root)])
        assert status == 0, said.getvalue()

    def compose(self, component: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`docker compose` in the component's folder, as a user types it."""
        command = ["docker", "compose", *arguments]
        done = subprocess.run(command, cwd=self.root / component, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def remove(self) -> None:
        """Ends what runs of the site, and removes its networks, its volumes and its folder."""
        if not engine_fault():
            remove_labelled(f"site={self.name}", SESSION)
        shutil.rmtree(self.root, ignore_errors=True)


@cache
def _values(path: Path, _changed: int) -> dict[str, str]:
    """Once for each content, since what polls a site asks for its settings each time."""
    return envfile.read(path).values()


def make_site(**settings: object) -> SiteUnderTest:
    """Writes a `.env` with the settings and renders it; a short path, because a Unix socket may be below it."""
    port, health_port = free_ports(2)
    name = f"t{secrets.token_hex(4)}"
    given = {"SITE": name, "SERVER_PORT": port, "AGENT_HEALTH_PORT": health_port} | settings
    labels = ",".join(filter(None, (SITE_LABELS, str(given.get("SITE_LABELS", "")))))
    site = SiteUnderTest(str(given["SITE"]), Path(tempfile.mkdtemp(prefix="site-")), int(str(given["SERVER_PORT"])))
    write_env(site.root / ".env", {key: str(value) for key, value in (given | {"SITE_LABELS": labels}).items()})
    site.render_files()
    return site


def write_env(path: Path, settings: dict[str, str]) -> None:
    lines = [envfile.assignment_line(key, value) for key, value in settings.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def render(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """`python render.py` as a user types it."""
    command = [sys.executable, str(REPO / "render.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"render.py {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nothing listens now, and which no connection gets before they are used."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(LISTENING)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def docker(*arguments: str) -> str:
    """What the command prints; nothing where it fails."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout


@cache
def engine_fault() -> str | None:
    return engine.unusable() and engine.unusable()  # asked again: one that is busy with a start may be slow to answer


@cache
def compose_fault() -> str | None:
    """Why `docker compose config`, which asks no engine, cannot be run."""
    if not shutil.which("docker"):
        return "there is no docker command"
    return None if docker("compose", "version") else "docker has no Compose plugin"


def need(fault: str | None) -> None:
    """Skips the test that needs what is not there; fails it where REQUIRE_ENGINE=1."""
    if fault and os.environ.get("REQUIRE_ENGINE") == "1":
        pytest.fail(f"REQUIRE_ENGINE=1, and {fault}", pytrace=False)
    if fault:
        pytest.skip(f"needs a Docker engine, and {fault}; `make engine` installs one")


def remove_ended_sessions() -> None:
    """What tests made whose process is gone."""
    for session in {session for kind in KINDS for _, session in _labelled(*kind[:3], "site.test=1")}:
        if session.isdecimal() and not Path(f"/proc/{session}").exists():
            remove_labelled(f"site.session={session}")


def remove_labelled(*names: str) -> None:
    """Removes what has all the labels, each given as NAME=VALUE."""
    for kind, identity, labels, options in KINDS:
        if found := [one for one, _ in _labelled(kind, identity, labels, *names)]:
            docker(kind, "rm", *options, *found)


def _labelled(kind: str, identity: str, labels: str, *names: str) -> Iterator[tuple[str, str]]:
    """Each thing that has all the labels, with the session that made it."""
    every = ("--all",) if kind == "container" else ()
    found = docker(kind, "ls", "--quiet", *every, *(f"--filter=label={name}" for name in names)).split()
    if found:
        shown = docker(kind, "inspect", "--format", f'{{{{{identity}}}}} {{{{index {labels} "site.session"}}}}', *found)
        yield from ((one, session) for one, _, session in (line.partition(" ") for line in shown.splitlines()))
