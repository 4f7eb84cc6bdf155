#!/usr/bin/env python3
"""Turns one .env into a Prefect site; `python render.py --help` says how."""

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV_PYTHON = HERE / ".venv" / "bin" / "python"
WITHOUT = "load"  # the command for a machine that has no packages yet
NEEDED = ("croniter", "dateutil", "dotenv", "jinja2", "pydantic", "tzdata", "yaml")


def main() -> int:
    """Runs with the packages of the interpreter at hand, else with those of `make .venv`."""
    if sys.argv[1:2] == [WITHOUT] or all(importlib.util.find_spec(name) for name in NEEDED):
        from stack.cli import main as cli

        return cli()
    if VENV_PYTHON.exists() and Path(sys.prefix) != VENV_PYTHON.parent.parent:
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])  # noqa: S606  # our own interpreter, no shell
    print("render.py needs its packages: run `make .venv` first", file=sys.stderr)
    return 2  # FAULT of stack/cli.py


if __name__ == "__main__":
    sys.exit(main())
