"""Environments for tests: made by a stand-in for conda, since conda is not available where they run."""

import shutil
import subprocess
import sys
from pathlib import Path

STAND_IN = Path(__file__).with_name("conda")


def make_root(root: Path, *environments: str) -> Path:
    """A folder with a stand-in and environments of these names; the path of the stand-in."""
    (root / "bin").mkdir(parents=True)
    (root / "envs").mkdir()
    for name in environments:
        command = [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(root / "envs" / name)]
        subprocess.run(command, check=True, capture_output=True)
    return Path(shutil.copy(STAND_IN, root / "bin"))
