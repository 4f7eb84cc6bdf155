#!/usr/bin/env python3
"""Turns one .env into a Prefect site; `python render.py --help` says how."""

import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
WITHOUT = "load"  # the command for a machine that has no packages yet
NEEDED = (
    *("bcrypt", "croniter", "cryptography", "dateutil", "dotenv"),
    *("jinja2", "pydantic", "supervisor", "tzdata", "yaml"),
)
# Modules of a cluster and other environments set these for programs of theirs; what they name would be imported first.
MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPLATLIBDIR")
FAULT = 2  # as in stack/cli.py, which an old Python cannot read


def main() -> int:
    """Runs with the packages of `make .venv` if it was made, else with those of the interpreter at hand."""
    is_without = sys.argv[1:2] == [WITHOUT]
    if not is_without and VENV_PYTHON.exists() and (not _is_in_venv() or any(map(os.environ.get, MISLEADING))):
        return _again()
    if sys.version_info < OLDEST:
        own = ".".join(map(str, sys.version_info[:2]))
        return _fault(
            f"render.py needs Python 3.11 or later, and this is {own}; name one: `make .venv PYTHON=python3.11`"
        )
    if not is_without and not has_packages():
        return _fault("render.py needs its packages: run `make .venv` first")
    return _run()


def _run() -> int:
    os.environ.pop("VIRTUAL_ENV", None)  # of the shell: what this starts would take it for its own
    sys.path[:] = [str(HERE), *(entry for entry in sys.path if entry != str(HERE))]  # also with PYTHONSAFEPATH
    try:
        from stack.cli import main as cli

        return cli()
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        return _fault(f"render.py cannot use the packages of {sys.prefix} ({error}): run `make .venv` first")


def _again() -> int:
    """This command with the Python of .venv, which nothing of the shell misleads."""
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    try:
        os.execve(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv], environment)  # noqa: S606  # our own interpreter, no shell
    except OSError as error:
        return _fault(f"{VENV_PYTHON}: {error.strerror}; run `make .venv`, which makes it again")


def _is_in_venv() -> bool:
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def has_packages() -> bool:
    return all(importlib.util.find_spec(name) for name in NEEDED)


def identity() -> str:
    """What the environment was made by and for: an upgrade of Python, a copy to another place or machine changes it."""
    return f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {os.path.realpath(sys.prefix)}"


def fits(stamp: str) -> bool:
    """Whether the environment that runs this is the one that `make` finished, and works; earlier stamps are empty."""
    path = Path(stamp)
    return path.exists() and path.read_text().strip() in ("", identity()) and has_packages()


def _fault(line: str) -> int:
    print(line, file=sys.stderr)
    return FAULT


if __name__ == "__main__":
    sys.exit(main())
