"""The Python packages of a bundle: the wheels that the lock names, for this Python on this kind of machine."""

import subprocess
import sys
from pathlib import Path

from stack.core.errors import SiteError
from stack.core.repo import REPO

LOCK = "requirements.txt"


def download(folder: Path) -> list[Path]:
    """Downloads the packages of .venv and checks them by the hashes of the lock."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    if subprocess.run([*pip, *options, "--requirement", str(REPO / LOCK)], check=False).returncode:
        raise SiteError(
            "pip could not download the packages; its message is above; correct the cause and run this again"
        )
    return sorted(folder.iterdir())
