"""The Python packages of a bundle: the wheels that the locks name, for this Python on this kind of machine."""

import subprocess
import sys
from pathlib import Path

from stack.engine import PROCESSES
from stack.errors import SiteError
from stack.processes import LOCKS
from stack.site import REPO

LOCK = "requirements.txt"


def download(folder: Path, kind: str) -> list[Path]:
    """What .venv is made of, and for a site of processes Prefect and what the flows import; checked by their hashes."""
    for locks in [(LOCK,), *([LOCKS] if kind == PROCESSES else [])]:
        requirements = [argument for lock in locks for argument in ("--requirement", str(REPO / lock))]
        _pip("--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(folder), *requirements)
    return sorted(folder.iterdir())


def _pip(*arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, *arguments], check=False).returncode:
        raise SiteError("pip could not download the packages; its message stands above; mend it and run this again")
