"""The environment manager of this machine: conda, mamba or micromamba, whichever is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from launchers.launching.errors import LaunchError
from launchers.launching.nearest import nearest

NAMES = ("conda", "mamba", "micromamba")
VARIABLES = ("CONDA_EXE", "MAMBA_EXE")  # what the managers' own set-up leaves in a shell
ANSWER_SECONDS = 120

_CONDA = re.compile(r"(?<!i)conda \d")  # what a start-up file says of `miniconda 3` does not count


@dataclass(frozen=True)
class Manager:
    """An executable that lists environments and runs commands in them."""

    path: str

    def environments(self) -> dict[str, str]:
        """The prefixes of the environments that there are, by name; one outside the usual folders by its prefix."""
        said = self._ask("env", "list", "--json")
        prefixes = next(_lists_of_environments(said), None)
        if prefixes is None:
            raise LaunchError(f"{self.path} env list --json printed no list of environments: {said[:200]!r}")
        return {_name(Path(prefix)): prefix for prefix in prefixes}

    def prefix(self, environment: str) -> str:
        """The prefix of an environment, given by name or by prefix. Raises LaunchError where there is no such one."""
        known = self.environments()
        if environment in known.values():
            return environment
        if environment not in known:
            raise LaunchError(
                f"there is no conda environment {environment!r}{nearest(environment, known)}, says {self.path}: "
                "make it, or correct conda_env_name"
            )
        return known[environment]

    def command(self, prefix: str, words: Sequence[str]) -> list[str]:
        """What runs the command in the environment.

        conda's `run`, and that of mamba 1, which is conda's, keeps the output back until the end without that option;
        the others do not have it. Only the first two say `conda` with their version.
        """
        streamed = ["--no-capture-output"] if _CONDA.search(self._ask("--version")) else []
        return [self.path, "run", *streamed, "--prefix", prefix, *words]

    def _ask(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                [self.path, *arguments], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LaunchError(f"{self.path} {' '.join(arguments)} does not work: {error}") from None
        if done.returncode:
            raise LaunchError(f"{self.path} {' '.join(arguments)} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def find_manager(environ: Mapping[str, str] = os.environ) -> Manager:
    """The manager that CONDA_EXE or MAMBA_EXE names, or the first on the PATH. Raises LaunchError if there is none."""
    named = (environ.get(variable, "") for variable in VARIABLES)
    on_path = (shutil.which(name, path=environ.get("PATH", "")) for name in NAMES)
    found = next((path for path in [*named, *on_path] if path), None)
    if found is None:
        raise LaunchError(
            f"there is no {', '.join(NAMES[:-1])} or {NAMES[-1]} on this worker's PATH: install one, or set CONDA_EXE"
        )
    return Manager(found)


def _lists_of_environments(said: str) -> Iterator[list[str]]:
    """Those in what a manager printed: a wrapper around it, or a shell that it starts, may print more."""
    for brace in re.finditer("{", said):
        with suppress(ValueError, KeyError, TypeError):
            yield [str(prefix) for prefix in json.JSONDecoder().raw_decode(said, brace.start())[0]["envs"]]


def _name(prefix: Path) -> str:
    if prefix.parent.name == "envs":
        return prefix.name
    return "base" if (prefix / "envs").is_dir() or (prefix / "condabin").is_dir() else str(prefix)
