"""The command line: `python -m registrar`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from registrar.errors import RegistrarError

HELP = """\
Brings a Prefect server to what a registration file describes: publishes flow code, makes or updates work pools,
concurrency limits, blocks, deployments and their schedules, and removes deployments, schedules and limits that an
earlier run made and the files no longer name. A second run changes nothing. Ends with a table of what it made,
changed, left or removed; exit status 1 and one line per fault otherwise.

Afterwards it runs each deployment that REGISTRAR_SAMPLES names (separated by spaces), and follows the run to its end,
unless a run of that deployment is Completed already.

The server is found through PREFECT_API_URL, the login through PREFECT_API_AUTH_STRING (user:password).
Paths in the file are relative to the file.
"""
RUN_HELP = """\
Starts runs of a deployment, follows them to their end, and prints how many ended in which state.
Exit status 0 when every one of them is Completed, 1 otherwise.
"""

FOLLOW_S = 600


def main(arguments: list[str]) -> int:
    """Run a command; gives the exit status."""
    try:
        return run(arguments[1:]) if arguments[:1] == ["run"] else register(arguments)
    except RegistrarError as fault:
        print("\n".join(fault.lines), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with what both commands share."""
    made = argparse.ArgumentParser(name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--wait", type=float, default=120, metavar="S", help="seconds to wait for the API (120)")
    return made


def register(arguments: list[str]) -> int:
    """`python -m registrar [registration.yaml]`"""
    reader = parser("python -m registrar", HELP)
    reader.epilog = "python -m registrar run --help: start runs of a deployment and follow them"
    reader.add_argument("file", nargs="?", type=Path, default=Path("registration.yaml"), help="registration.yaml")
    given = reader.parse_args(arguments)
    require_settings()
    from registrar.outcome import Outcome, table
    from registrar.register import register

    if not given.file.is_file():
        raise RegistrarError(f"{given.file}: no such file")
    os.chdir(given.file.parent)
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(register(Path(given.file.name), given.wait))
    finally:
        if outcomes:
            print(table(outcomes))
    return 0 if run_samples(given.wait) else 1


def run_samples(wait_s: float) -> bool:
    """Whether each deployment that REGISTRAR_SAMPLES names has a Completed run, after one is run where it has none."""
    if not (samples := os.environ.get("REGISTRAR_SAMPLES", "").split()):
        return True
    from registrar.runs import Order, run

    order = Order(count=1, parameters={}, timeout_s=FOLLOW_S, once=True)
    return all(run(sample, order, wait_s) for sample in samples)


def run(arguments: list[str]) -> int:
    """`python -m registrar run weather/weather`"""
    reader = parser("python -m registrar run", RUN_HELP)
    reader.add_argument("deployment", help="flow/deployment, such as weather/weather")
    reader.add_argument("--count", type=int, default=1, metavar="N", help="how many runs (1)")
    reader.add_argument("--parameters", default="{}", metavar="JSON", help="such as '{\"months\": [1, 2]}'")
    reader.add_argument("--timeout", type=float, default=FOLLOW_S, metavar="S", help="seconds to follow them (600)")
    reader.add_argument("--once", action="store_true", help="start none where a run of it is Completed already")
    given = reader.parse_args(arguments)
    require_settings()
    from registrar.runs import Order, parse, run

    order = Order(given.count, parse(given.parameters), given.timeout, given.once)
    return 0 if run(given.deployment, order, given.wait) else 1


def require_settings() -> None:
    """Raise RegistrarError where Prefect cannot make sense of the PREFECT_* variables; it reads them at import."""
    try:
        importlib.import_module("prefect.main")
    except ValueError as error:
        raise RegistrarError(f"Prefect's settings: {' '.join(str(error).split())}") from None


sys.exit(main(sys.argv[1:]))
