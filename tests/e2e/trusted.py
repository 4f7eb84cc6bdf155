"""Names of registries in this machine's hosts file and in its engine's trust, and taking them out again."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from stack.components import registry

# One per session: what a killed one left is removed by the next.
NAMES = "registry-e2e-"
NAME = f"{NAMES}{os.getpid()}"


def forget_ended_sessions() -> None:
    for name in _names_written():
        if not Path("/proc", name.removeprefix(NAMES).partition("-")[0]).exists():
            forget(name)


def forget(name: str) -> None:
    hosts = registry.HOSTS.read_text().splitlines(keepends=True)
    registry.HOSTS.write_text("".join(line for line in hosts if name not in line.split()))
    for folder in registry.TRUSTED.glob(f"{name}:*"):
        shutil.rmtree(folder)
    with suppress(OSError):  # there are others
        registry.TRUSTED.rmdir()


def _names_written() -> set[str]:
    lines = [line.split() for line in registry.HOSTS.read_text().splitlines()]
    return {line[1] for line in lines if len(line) > 1 and line[1].startswith(NAMES)}
