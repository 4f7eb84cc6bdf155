"""Commands of a user who is not the one that runs the tests: only root can become another."""

import os
import shutil
from pathlib import Path

import pytest

NOBODY = 65534
SOCKET = Path("/var/run/docker.sock")
CAN = os.getuid() == 0 and shutil.which("setpriv") is not None
only_root = pytest.mark.skipif(not CAN, reason="only root can become another user")


def as_nobody(*groups: int) -> str:
    """The beginning of such a command: it may read every file, as its owner would, and write those of these groups."""
    given = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    reads = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    return f"setpriv --reuid={NOBODY} --regid={NOBODY} {given} {reads}"


def given_to_nobody(folder: Path) -> str:
    """The beginning of a command of the folder's new owner, who may use the engine; nothing where we are not root."""
    if not CAN:
        return ""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return as_nobody(SOCKET.stat().st_gid)
