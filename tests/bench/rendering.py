"""`render`: a whole site rendered, against the import of the libraries it is made with and against a peer.

The floor is the import; the peer is Tutor's `config save`, installed from the package index into a folder of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.measuring import Reach, interleaved, report
from tests.bench.places import REPO, site

ROUNDS = 15
FLOOR = "import jinja2, yaml, dotenv, pydantic"
TUTOR = "tutor==22.0.3"
TUTOR_FOLDER = REPO / ".cache" / "tutor"


def render(rounds: int, _kinds: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, site() as rendered:
        commands = {
            "floor": [sys.executable, "-c", FLOOR],
            "ours": [sys.executable, str(REPO / "render.py"), "--output", str(rendered.root)],
            "tutor": [str(install_tutor()), "--root", folder, "config", "save"],
        }
        seconds = interleaved({name: timed_command(command) for name, command in commands.items()}, rounds or ROUNDS)
    report("render of a whole site", seconds, {"floor": Reach(share=1.5), "tutor": Reach(share=0.5)})


def install_tutor() -> Path:
    program = TUTOR_FOLDER / "bin" / "tutor"
    if not program.exists():
        print(f"installing {TUTOR}, the peer", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(TUTOR_FOLDER)], check=True)
        pip = [str(TUTOR_FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, TUTOR], check=True)
    return program


def timed_command(command: list[str]) -> Callable[[], float]:
    # As for users: Python keeps the bytecode of what was run from a checkout, as pip does of what it installs.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def measure() -> float:
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began

    return measure
