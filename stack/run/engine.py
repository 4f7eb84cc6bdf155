"""Where a site runs: in containers on a Docker-compatible engine, or as plain processes if there is no engine.

The first start records its choice for the site: if the engine is down later, the site must not start a second time,
empty, as processes. For the same reason an engine that is there and cannot be used is a fault, and not a choice.
"""

import os
import shutil
from pathlib import Path

from stack.core.docker import NoAnswerError, docker
from stack.core.errors import SiteError

RECORD = Path(".site") / "engine"
AUTO = "auto"
CONTAINERS = "containers"
PROCESSES = "processes"
SETTING = "SITE_RUNS_AS"
ANSWER_SECONDS = 30

DESCRIPTION = {
    CONTAINERS: "containers, on the Docker engine",
    PROCESSES: "processes, because this machine has no Docker engine",
}

NO_COMMAND = "there is no docker command"
CLOSED = "this user may not use the Docker socket"
LATE = "the Docker daemon gave no answer within"
NO_COMPOSE = "docker has no Compose plugin"
# What docker says where nothing listens at a socket: up to 28 and from 29 on. A remote engine is one that was chosen.
NOTHING_LISTENS = ("Cannot connect to the Docker daemon at unix:", "failed to connect to the docker API at unix:")
ADVICE = {
    NO_COMMAND: "start the engine (`make engine`)",
    CLOSED: "add the user to the group that owns the socket and log in again",
    LATE: "wait until the machine is less busy, or restart the engine",
    NO_COMPOSE: "install Compose 2.20 or later (`make engine`)",
}


def choose(root: Path, wanted: str = AUTO) -> str:
    """The kind recorded for the site, else the one that the setting names, else what this machine offers.

    Raises SiteError if they differ, and if there is an engine that cannot be used.
    """
    recorded = _recorded(root)
    if recorded and wanted not in (AUTO, recorded):
        raise SiteError(
            f"{SETTING}={wanted}: this site has run as {recorded} so far; write {recorded}, or run `make down` with "
            f"that and remove {root / RECORD} to begin an empty site"
        )
    if PROCESSES in (recorded, wanted):
        return PROCESSES
    reason = unusable()
    if not reason:
        return CONTAINERS
    if recorded == CONTAINERS:
        raise SiteError(
            f"this site runs in containers, and {reason}; {advice(reason)}, "
            f"or remove {root / RECORD} to begin an empty site of processes"
        )
    if wanted == CONTAINERS:
        raise SiteError(f"{SETTING}={wanted}, and {reason}; {advice(reason)}")
    if not is_absent(reason):
        raise SiteError(f"{reason}; {advice(reason)}, or set {SETTING}={PROCESSES} in .env to run without containers")
    return PROCESSES


def description(root: Path, kind: str, wanted: str) -> str:
    if kind == PROCESSES and wanted == PROCESSES:
        return f"{PROCESSES}, because {SETTING} says so"
    if kind == PROCESSES and _recorded(root):
        return f"{PROCESSES}, as at its first start"
    return DESCRIPTION[kind]


def is_absent(reason: str) -> bool:
    """Whether a machine where containers cannot be used has no engine at all."""
    return reason == NO_COMMAND or (_nothing_listens(reason) and not _is_installed())


def advice(reason: str) -> str:
    if _nothing_listens(reason):
        own = _own_socket()
        return f"run `export DOCKER_HOST=unix://{own}`, where your own engine is" if own else ADVICE[NO_COMMAND]
    signs = (text for sign, text in ADVICE.items() if sign in reason)
    return next(signs, "check DOCKER_HOST and `docker context ls`, and whether that engine runs")


def _nothing_listens(reason: str) -> bool:
    return any(sign in reason for sign in NOTHING_LISTENS)


def _is_installed() -> bool:
    """Whether the engine is here and only does not run; another one is asked where DOCKER_HOST names it."""
    return "DOCKER_HOST" not in os.environ and bool(shutil.which("dockerd") or _own_socket())


def _own_socket() -> Path | None:
    """That of an engine without root, at which docker does not look by itself."""
    socket = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere") / "docker.sock"
    return socket if "DOCKER_HOST" not in os.environ and socket.exists() else None


def record(root: Path, kind: str) -> None:
    if _recorded(root) == kind:
        return
    (root / RECORD).parent.mkdir(exist_ok=True)
    (root / RECORD).write_text(f"{kind}\n", encoding="utf-8")


def unusable() -> str | None:
    """Why containers cannot be used here, or None. Asks the daemon: a client has a version without one too."""
    if not shutil.which("docker"):
        return NO_COMMAND
    try:
        daemon = docker("version", "--format", "{{.Server.Version}}", seconds=ANSWER_SECONDS)
        if not daemon.worked:
            return CLOSED if "permission denied" in daemon.reason else f"no Docker daemon answers ({daemon.reason})"
        if not docker("compose", "version", seconds=ANSWER_SECONDS).worked:
            return NO_COMPOSE
    except NoAnswerError:
        return f"{LATE} {ANSWER_SECONDS} s"
    return None


def _recorded(root: Path) -> str | None:
    path = root / RECORD
    if not path.exists():
        return None
    kind = path.read_text(encoding="utf-8").strip()
    if kind not in DESCRIPTION:
        raise SiteError(f"{path}: contains {kind!r}; write {CONTAINERS} or {PROCESSES}, or remove the file")
    return kind
