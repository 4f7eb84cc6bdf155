"""`make bench`: what the bundle costs, as ratios to a floor and a peer measured in the same run, interleaved.

    python tests/bench/run.py [render] [up] [again] [jobs] [launch] [--rounds N] [--kind docker] [--against COMMIT]

The head of each file says what it measures: rendering.py, starting.py, again.py, jobs.py, launching.py.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.again import again  # the path comes first
from tests.bench.jobs import jobs
from tests.bench.kinds import KINDS
from tests.bench.launching import launch
from tests.bench.rendering import render
from tests.bench.starting import up

PARTS = ("render", "up", "again", "jobs", "launch")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all of them")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="measurements of each, else as each says")
    parser.add_argument("--kind", action="append", choices=KINDS, help="of jobs and launch; again for more; else all")
    parser.add_argument("--against", default="", metavar="COMMIT", help="of again; else ours alone is measured")
    given = parser.parse_args()
    for part in given.parts or PARTS:
        measure(part, given)
    return 0


def measure(part: str, given: argparse.Namespace) -> None:
    if part == "again":
        again(given.rounds, given.against)
    else:
        {"render": render, "up": up, "jobs": jobs, "launch": launch}[part](given.rounds, given.kind or list(KINDS))


if __name__ == "__main__":
    sys.exit(main())
