"""`make bench`: what the bundle costs, as ratios to a floor and a peer measured in the same run, interleaved.

    python tests/bench/run.py [render] [up] [--rounds N]

render  a whole site rendered, against the import of the libraries it is made with (the floor) and against Tutor's
        `config save` (the peer), which is installed from the package index into a folder of its own.
up      `docker compose up` of server/ with the images present to an API that answers, against the same images started
        by minimal.compose.yaml. Both are timed from outside, by asking the API.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
sys.path.insert(0, str(REPO))

from tests import sites  # noqa: E402  # the path comes first
from tests.sites import SiteUnderTest  # noqa: E402

FLOOR = "import jinja2, yaml, dotenv, pydantic"
TUTOR = "tutor==22.0.3"
TUTOR_FOLDER = REPO / ".cache" / "tutor"
POLL_SECONDS = 0.02
START_SECONDS = 180


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all of them")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="measurements of each (render 15, up 5)")
    given = parser.parse_args()
    for part in given.parts or PARTS:
        PARTS[part](given.rounds)
    return 0


def render(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, site() as rendered:
        tutor = [str(install_tutor()), "--root", folder, "config", "save"]
        commands = {
            "floor": [sys.executable, "-c", FLOOR],
            "ours": [sys.executable, str(REPO / "render.py"), "--output", str(rendered.root)],
            "tutor": tutor,
        }
        seconds = interleaved({name: timed_command(command) for name, command in commands.items()}, rounds or 15)
    report("render of a whole site", seconds, {"floor": 2.0, "tutor": 0.5})


def up(rounds: int) -> None:
    with site() as rendered:
        minimal = rendered.root / "minimal"
        minimal.mkdir()
        shutil.copy(HERE / "minimal.compose.yaml", minimal / "compose.yaml")
        variables = write_variables(rendered, minimal)
        ours = timed_start(rendered.root / "server", rendered.port)
        theirs = timed_start(minimal, variables)
        seconds = interleaved({"minimal": theirs, "ours": ours}, rounds or 5)
    report("docker compose up to an API that answers", seconds, {"minimal": 1.2})


PARTS: dict[str, Callable[[int], None]] = {"render": render, "up": up}


@contextmanager
def site() -> Iterator[SiteUnderTest]:
    made = sites.make_site()
    try:
        yield made
    finally:
        made.remove()


def install_tutor() -> Path:
    program = TUTOR_FOLDER / "bin" / "tutor"
    if not program.exists():
        print(f"installing {TUTOR}, the peer", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(TUTOR_FOLDER)], check=True)
        pip = [str(TUTOR_FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, TUTOR], check=True)
    return program


def write_variables(rendered: SiteUnderTest, folder: Path) -> int:
    """The images and passwords of the rendered site for the hand-written file; its port."""
    images = {line.split(":", 1)[0].rpartition("/")[2]: line for line in image_lines(rendered)}
    (port,) = sites.free_ports(1)
    values = {f"{name.upper()}_IMAGE": reference for name, reference in images.items()}
    values |= {"PORT": str(port), "SITE": rendered.name, "SESSION": sites.LABELS["site.session"]}
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()), encoding="utf-8")
    return port


def image_lines(rendered: SiteUnderTest) -> list[str]:
    return rendered.compose("server", "config", "--images").stdout.split()


def interleaved(measured: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each; one round first that does not count, since it fills caches."""
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(rounds + 1):
        for name, measure in measured.items():
            taken = measure()
            if number:
                seconds[name].append(taken)
    return seconds


def timed_command(command: list[str]) -> Callable[[], float]:
    # As for users: Python keeps the bytecode of what was run from a checkout, as pip does of what it installs.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def measure() -> float:
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began

    return measure


def timed_start(folder: Path, port: int) -> Callable[[], float]:
    """From `docker compose up` on a new volume to the first answer of the API."""

    def measure() -> float:
        began = time.perf_counter()
        started = subprocess.Popen(
            ["docker", "compose", "up", "--detach"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not answers(f"http://127.0.0.1:{port}/api/health"):
                if time.perf_counter() - began > START_SECONDS:
                    raise SystemExit(f"{folder}: no API within {START_SECONDS} s; `docker compose logs` there says why")
                time.sleep(POLL_SECONDS)
            return time.perf_counter() - began
        finally:
            started.wait()
            subprocess.run(["docker", "compose", "down", "--volumes"], cwd=folder, check=True, capture_output=True)

    return measure


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def report(title: str, seconds: dict[str, list[float]], reaches: dict[str, float]) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"\n{title}: medians of {len(seconds['ours'])} rounds, interleaved")
    for name, values in seconds.items():
        print(f"  {name:8} {medians[name]:7.3f} s   ({min(values):.3f} to {max(values):.3f})")
    for name, reach in reaches.items():
        ratio = medians["ours"] / medians[name]
        print(f"  ours / {name}: {ratio:.2f}, reach {reach:.2f}: {'reached' if ratio <= reach else 'MISSED'}")


if __name__ == "__main__":
    sys.exit(main())
