"""Where a site runs: containers on a Docker-compatible engine, or plain processes where there is none.

What was found at the first start is recorded for the site: an engine that is down later must not lead to an empty
twin of the site on the other kind.
"""

import shutil
import subprocess
from pathlib import Path

from stack.core.errors import SiteError

RECORD = Path(".site") / "engine"
CONTAINERS = "containers"
PROCESSES = "processes"
ANSWER_SECONDS = 15

DESCRIPTION = {CONTAINERS: "containers, on the Docker engine", PROCESSES: "processes, for want of a Docker engine"}


def choose(root: Path) -> str:
    """The kind recorded for the site, else the kind that this machine has; raises SiteError where the two part."""
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
    """Why containers cannot be used here, or None. The daemon is asked: a client without one has a version too."""
    if not shutil.which("docker"):
        return "there is no docker command"
    try:
        daemon = _ask("docker", "version", "--format", "{{.Server.Version}}")
        if daemon.returncode != 0:
            return f"no Docker daemon answers ({_last_line(daemon.stderr)})"
        if _ask("docker", "compose", "version").returncode != 0:
            return "docker has no Compose plugin"
    except subprocess.TimeoutExpired:
        return f"the Docker daemon gave no answer within {ANSWER_SECONDS} s"
    return None


def _recorded(root: Path) -> str | None:
    path = root / RECORD
    if not path.exists():
        return None
    kind = path.read_text(encoding="utf-8").strip()
    if kind not in DESCRIPTION:
        raise SiteError(f"{path}: holds {kind!r}; write {CONTAINERS} or {PROCESSES}, or remove the file")
    return kind


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"
