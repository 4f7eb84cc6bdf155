"""`again`: `render.py up` of a site in which everything is up and healthy already.

Against another commit's own code in a checkout, with a site and images of its own: `--against COMMIT`.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.measuring import Reach, interleaved, report
from tests.bench.places import REPO, site

ROUNDS = 5


def again(rounds: int, against: str) -> None:
    with ExitStack() as stack:
        checkouts = {"ours": REPO} | ({"before": stack.enter_context(checkout(against))} if against else {})
        ways = {name: timed_up(code, stack.enter_context(site()).root) for name, code in checkouts.items()}
        seconds = interleaved(ways, rounds or ROUNDS)  # the round that does not count is the first `up` of each
    report("up of an unchanged site", seconds, {"before": Reach(share=0.7)} if against else {})


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", REPO, folder], check=True)
        subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
        yield Path(folder)


def timed_up(code: Path, root: Path) -> Callable[[], float]:
    """`up` of the site in this folder, with the code of this checkout."""

    def measure() -> float:
        began = time.perf_counter()
        command = [sys.executable, str(code / "render.py"), "up", "--output", str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return time.perf_counter() - began

    return measure
