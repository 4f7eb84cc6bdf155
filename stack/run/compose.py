"""The docker compose commands that a site means; each can be typed by hand in the component's folder as well."""

import shlex
import subprocess
import time
from pathlib import Path

from stack.components.component import OVERRIDE, Component
from stack.core.errors import SiteError

# Long enough for an initdb and a migration on a slow disk.
HEALTHY_SECONDS = 600
LOG_LINES = 15
PORT_TAKEN = ("port is already allocated", "address already in use")  # by a container, or by another process
ERASE_LINE = "\x1b[2K"  # Compose begins with it although nobody watches


def up(root: Path, component: Component, *services: str) -> None:
    """Starts a component, or some of its services, and waits until it is healthy; what is right is left alone."""
    name = " ".join((component.name, *services))
    print(f"{name}: starting", flush=True)
    began = time.monotonic()
    result = _compose(root, component, "up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_SECONDS), *services)
    state = "not healthy" if result.returncode else "healthy"
    print(f"{name}: {state} after {time.monotonic() - began:.0f} s", flush=True)
    if result.returncode != 0:
        raise SiteError(*_reasons(root, component, result.stderr))


def run(root: Path, component: Component, *command: str) -> None:
    """Runs the component's one service once, with its output on this terminal."""
    arguments = _command(component, "run", "--rm", "--no-TTY", component.name, *command)
    folder = root / component.folder
    if subprocess.run(arguments, cwd=folder, check=False, stdin=subprocess.DEVNULL).returncode != 0:
        raise SiteError(f"{component.name}: `{' '.join(command) or 'registration'}` failed; what it said stands above")


def is_running(root: Path, component: Component, service: str) -> bool:
    return bool(_compose(root, component, "ps", "--quiet", "--status", "running", service).stdout)


def by_hand(component: Component, *arguments: str) -> str:
    """A command as a user types it in the site's folder."""
    return f"`cd {component.folder} && {shlex.join(['docker', 'compose', *_file(component), *arguments])}`"


def service_command(component: Component, service: str, *command: str) -> list[str]:
    """The command that runs another in the container of a service, its standard input connected."""
    return _command(component, "exec", "--no-TTY", service, *command)


def down(component: Component, site: str) -> None:
    """Removes containers and networks of the project, by its name: that works without its files. Volumes stay."""
    command = ["docker", "compose", "--progress", "quiet", "--project-name", component.project(site), "down"]
    result = subprocess.run([*command, "--remove-orphans"], check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise SiteError(f"{component.name}: `{' '.join(command)}` failed: {_last_line(result.stderr)}")


def remove_flow_containers(site: str) -> None:
    """Ends what Docker workers of the site started on this engine; Compose does not know these containers."""
    labels = ["--filter", f"label=site={site}", "--filter", "label=io.prefect.flow-run-id"]
    found = subprocess.run(
        ["docker", "ps", "--all", "--quiet", *labels], check=False, capture_output=True, text=True
    ).stdout.split()
    if found:
        subprocess.run(["docker", "rm", "--force", "--volumes", *found], check=False, stdout=subprocess.DEVNULL)


def _reasons(root: Path, component: Component, stderr: str) -> list[str]:
    """Compose's own last word, the end of the log of what is not healthy, and where the rest is."""
    form = "{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}"
    ailing = _compose(root, component, "ps", "--all", "--format", form).stdout
    # What is about to be started again has an exit code of 0 until then.
    signs = ("unhealthy", "restarting")
    names = [
        line.split()[0]
        for line in ailing.splitlines()
        if any(sign in line for sign in signs) or not line.endswith(" 0")
    ]
    logs = [_compose(root, component, "logs", "--no-color", "--tail", str(LOG_LINES), name).stdout for name in names]
    return [
        *(log.replace(ERASE_LINE, "").rstrip() for log in logs),
        f"{component.name}: {_last_line(stderr)}; {_mend(component, stderr)}",
    ]


def _mend(component: Component, stderr: str) -> str:
    if any(sign in stderr for sign in PORT_TAKEN):
        return "end what has this port, or set another in .env; `make doctor` names the setting"
    return f"the whole log: {by_hand(component, 'logs')}"


def _compose(root: Path, component: Component, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = root / component.folder
    command = _command(component, *_override(folder, component), *arguments)
    return subprocess.run(command, cwd=folder, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _command(component: Component, *arguments: str) -> list[str]:
    """Run in the component's folder: only there does Compose read the user's override by itself, and elsewhere newer
    ones would read a `.env` that is not theirs."""
    return ["docker", "compose", "--progress", "quiet", *_file(component), *arguments]


def _file(component: Component) -> list[str]:
    """Named only where Compose does not find it by itself, for then it reads no override either."""
    return ["--file", component.compose_file] if component.variant else []


def _override(folder: Path, component: Component) -> list[str]:
    """The user's override where Compose does not find it by itself."""
    name = component.file(OVERRIDE)
    return ["--file", name] if component.variant and (folder / name).exists() else []


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"
