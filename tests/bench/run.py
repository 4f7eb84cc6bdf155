"""`make bench`: what the bundle costs, as ratios to a floor and a peer measured in the same run, interleaved.

    python tests/bench/run.py [render] [up] [jobs] [launch] [--rounds N] [--kind docker]

The head of each file says what it measures: rendering.py, starting.py, jobs.py, launching.py.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.jobs import jobs  # the path comes first
from tests.bench.kinds import KINDS
from tests.bench.launching import launch
from tests.bench.rendering import render
from tests.bench.starting import up

PARTS: dict[str, Callable[[int, list[str]], None]] = {"render": render, "up": up, "jobs": jobs, "launch": launch}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all of them")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="measurements of each, else as each says")
    parser.add_argument("--kind", action="append", choices=KINDS, help="of jobs and launch; again for more; else all")
    given = parser.parse_args()
    for part in given.parts or PARTS:
        PARTS[part](given.rounds, given.kind or list(KINDS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
