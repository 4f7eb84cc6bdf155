"""The docker compose commands that `up` and `down` run; a user can type each in the component's folder as well."""

import shlex
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from stack.components.component import OVERRIDE, Component, by_hand, compose_words
from stack.core.docker import LONG_SECONDS, Result, docker, watched
from stack.core.errors import SiteError
from stack.run import waiting
from stack.run.waiting import Container, Waiting

LOG_LINES = 15
PORT_TAKEN = ("port is already allocated", "address already in use")  # by a container, or by another process
ERASE_LINE = "\x1b[2K"  # Compose begins its output with it even without a terminal


def up(root: Path, component: Component, *services: str) -> None:
    """Starts a component, or some of its services, and waits until it is healthy; leaves alone what is right.

    Raises SiteError with the last words of what keeps it from that.
    """
    name = " ".join((component.name, *services))
    print(f"{name}: starting", flush=True)
    began = time.monotonic()
    words = (*_words(root, component), "up", "--detach", "--wait", *services)
    look = Waiting(name, lambda: _containers(root, component, services)).look
    result = watched(*words, folder=root / component.folder, look=look, pause=waiting.LOOK_SECONDS)
    state = "healthy" if result.worked else "not healthy"
    print(f"{name}: {state} after {time.monotonic() - began:.0f} s", flush=True)
    if not result.worked:
        raise SiteError(*_reasons(root, component, services, result))


def run(root: Path, component: Component, environment: Mapping[str, str]) -> bool:
    """Runs the component's one service once, with its output on this terminal; whether that worked."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    words = compose_words(component, "run", "--rm", "--no-TTY", *variables, component.name)
    return docker(*words, folder=root / component.folder, shown=True, seconds=LONG_SECONDS).worked


def down(component: Component, site: str) -> None:
    """Removes containers and networks of the project, by its name: that works without its files. Volumes stay.

    In an empty folder: Compose would take a file that it finds here, or in a folder above, for the project's.
    """
    words = ("compose", "--progress", "quiet", "--project-name", component.project(site), "down", "--remove-orphans")
    with tempfile.TemporaryDirectory() as empty:
        result = docker(*words, folder=Path(empty), seconds=LONG_SECONDS)
    if not result.worked:
        raise SiteError(f"{component.name}: `{shlex.join(('docker', *words))}` failed: {result.reason}")


def remove_flow_containers(site: str) -> None:
    """Removes what Docker workers of the site started on this engine; Compose does not know these containers."""
    labels = ["--filter", f"label=site={site}", "--filter", "label=io.prefect.flow-run-id"]
    if found := docker("ps", "--all", "--quiet", *labels).output.split():
        result = docker("rm", "--force", "--volumes", *found, seconds=LONG_SECONDS)
        if not result.worked:
            print(f"containers of flow runs: not all of them could be removed: {result.reason}")


def _reasons(root: Path, component: Component, services: tuple[str, ...], result: Result) -> list[str]:
    """The end of the log of each service that is not healthy, Compose's last line, and where to find the rest."""
    logs = [
        call(root, component, "logs", "--no-color", "--tail", str(LOG_LINES), name).output
        for name in waiting.to_blame(_containers(root, component, services))
    ]
    return [
        *(log.replace(ERASE_LINE, "").rstrip() for log in logs),
        f"{component.name}: {result.reason}; {_advice(component, result.errors)}",
    ]


def _containers(root: Path, component: Component, services: tuple[str, ...]) -> list[Container]:
    return waiting.inspected(call(root, component, "ps", "--all", "--quiet", *services).output.split())


def _advice(component: Component, errors: str) -> str:
    if any(sign in errors for sign in PORT_TAKEN):
        return "stop the program that uses this port, or set another in .env; `make doctor` names the setting"
    return f"the whole log: {by_hand(component, 'logs')}"


def call(root: Path, component: Component, *arguments: str, seconds: float | None = None) -> Result:
    """Runs Compose in the component's folder. Only there does it read the user's override by itself; in another
    folder, newer versions of Compose would read a `.env` that belongs to something else."""
    return docker(*_words(root, component), *arguments, folder=root / component.folder, seconds=seconds)


def _words(root: Path, component: Component) -> list[str]:
    """With the option for the user's override, if Compose does not find that by itself."""
    name = component.file(OVERRIDE)
    is_given = component.variant and (root / component.folder / name).exists()
    return compose_words(component, *(["--file", name] if is_given else []))
