"""`up`: `docker compose up` of server/ with the images present to an API that answers, timed from outside by asking it.

Against the same images started by minimal.compose.yaml, which is what somebody writes by hand.
"""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests import sites
from tests.bench.measuring import Reach, interleaved, report
from tests.bench.places import HERE, site
from tests.sites import SiteUnderTest

ROUNDS = 5
POLL_SECONDS = 0.02
START_SECONDS = 180


def up(rounds: int, _kinds: list[str]) -> None:
    with site() as rendered:
        minimal = rendered.root / "minimal"
        minimal.mkdir()
        shutil.copy(HERE / "minimal.compose.yaml", minimal / "compose.yaml")
        variables = write_variables(rendered, minimal)
        ours = timed_start(rendered.root / "server", rendered.port)
        theirs = timed_start(minimal, variables)
        seconds = interleaved({"minimal": theirs, "ours": ours}, rounds or ROUNDS)
    report("docker compose up to an API that answers", seconds, {"minimal": Reach(share=1.2)})


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
