"""What the building of images needs of the container engine, through its command line."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from stack.core.docker import docker, last_line
from stack.core.errors import SiteError

ORIGIN = "site.origin"
# If a registry has sent nothing by then, it counts as unreachable; one that answers names the image at once.
PULL_SECONDS = 20
# What makes an image runs with it: the files of a root file system are read by all users of it.
IMAGE_UMASK = 0o022


def origins(references: Sequence[str]) -> dict[str, str]:
    """Those of the images that the engine has -> the way each was made: pull, build, or empty if unknown."""
    if not references:
        return {}
    form = f'{{{{json .RepoTags}}}}{{{{"\\t"}}}}{{{{index .Config.Labels "{ORIGIN}"}}}}'
    result = docker("image", "inspect", "--format", form, *references)
    faults = [line for line in result.errors.splitlines() if "no such image" not in line.lower()]
    if faults and not result.worked:
        raise SiteError(f"images: the container engine does not answer ({faults[0]}); start it with `make engine`")
    rows = [line.split("\t") for line in result.output.splitlines() if "\t" in line]
    return {tag: origin for tags, origin in rows for tag in json.loads(tags)}


def has(image: str) -> bool:
    """Whether the engine has an image under a name that may be short, or a digest."""
    return docker("image", "inspect", image).worked


def pull(image: str, log: Path) -> str:
    """Pulls a public image; returns why that failed, or nothing."""
    if run(["docker", "pull", image], log, silent_seconds=PULL_SECONDS) == 0:
        return ""
    output = log.read_text(errors="replace")
    if not output.strip():
        return f"no answer within {PULL_SECONDS} s"
    return last_line(output).removeprefix("Error response from daemon: ")


def builder() -> dict[str, str]:
    """The environment of `docker build`: the engine's own builder, the only one that sees the engine's images."""
    context = docker("context", "show").output.strip()
    own = {"BUILDX_BUILDER": context} if context else {}
    return {**os.environ, "DOCKER_BUILDKIT": "1", **own}


def run(
    command: Sequence[str],
    log: Path,
    on_line: Callable[[str], None] = lambda line: None,
    env: dict[str, str] | None = None,
    silent_seconds: float = threading.TIMEOUT_MAX,
) -> int:
    """Runs a command, writes its output to `log` and passes each line to `on_line`; returns the exit status.

    Stops a command that has printed nothing at all within `silent_seconds`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as kept,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            text=True,
            errors="replace",
            umask=IMAGE_UMASK,
        ) as process,
    ):
        patience = threading.Timer(silent_seconds, process.kill)
        patience.daemon = True
        patience.start()
        for line in process.stdout or ():
            patience.cancel()
            kept.write(line)
            on_line(line.rstrip("\n"))
        patience.cancel()
        return process.wait()
