"""Where a site runs: in containers on a Docker-compatible engine, or as plain processes if there is no engine.

The first start records its choice for the site: if the engine is down later, the site must not start a second time,
empty, as processes.
"""

import shutil
from pathlib import Path

from stack.core.docker import NoAnswerError, docker
from stack.core.errors import SiteError

RECORD = Path(".site") / "engine"
CONTAINERS = "containers"
PROCESSES = "processes"
ANSWER_SECONDS = 15

DESCRIPTION = {
    CONTAINERS: "containers, on the Docker engine",
    PROCESSES: "processes, because this machine has no Docker engine",
}


def choose(root: Path) -> str:
    """The kind recorded for the site, else the kind that this machine offers; raises SiteError if the two differ."""
    reason = unusable()
    recorded = _recorded(root)
    if recorded == CONTAINERS and reason:
        raise SiteError(
            f"this site runs in containers, and {reason}; start the engine (`make engine`), "
            f"or remove {root / RECORD} to begin an empty site of processes"
        )
    return recorded or (PROCESSES if reason else CONTAINERS)


def record(root: Path, kind: str) -> None:
    if _recorded(root) == kind:
        return
    (root / RECORD).parent.mkdir(exist_ok=True)
    (root / RECORD).write_text(f"{kind}\n", encoding="utf-8")


def unusable() -> str | None:
    """Why containers cannot be used here, or None. Asks the daemon: a client has a version without one too."""
    if not shutil.which("docker"):
        return "there is no docker command"
    try:
        daemon = docker("version", "--format", "{{.Server.Version}}", seconds=ANSWER_SECONDS)
        if not daemon.worked:
            return f"no Docker daemon answers ({daemon.reason})"
        if not docker("compose", "version", seconds=ANSWER_SECONDS).worked:
            return "docker has no Compose plugin"
    except NoAnswerError:
        return f"the Docker daemon gave no answer within {ANSWER_SECONDS} s"
    return None


def _recorded(root: Path) -> str | None:
    path = root / RECORD
    if not path.exists():
        return None
    kind = path.read_text(encoding="utf-8").strip()
    if kind not in DESCRIPTION:
        raise SiteError(f"{path}: contains {kind!r}; write {CONTAINERS} or {PROCESSES}, or remove the file")
    return kind
