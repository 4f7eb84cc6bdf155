"""Entry points of the bundle's own flows that have moved.

A run that was made before the move, or a deployment that was not registered again, still names the old file. So a
redirect is published at the old place. The bucket keeps old versions of the code, which have the old file alone:
there a redirect is added at the new place.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath

# The old file -> the new file.
MOVED = {
    "flows/conda_envs/conda_flows.py": "launchers/conda_envs/conda_flows.py",
    "flows/containers/docker_flows.py": "launchers/containers/docker_flows.py",
    "flows/parent/parent_flow.py": "launchers/parent/parent_flow.py",
    "flows/slurm_jobs/slurm_flows.py": "launchers/slurm_jobs/slurm_flows.py",
}


def new_entrypoint(entrypoint: str) -> str | None:
    """What to write for an entry point that has moved, `file.py:function`; None for any other."""
    path, colon, function = entrypoint.rpartition(":")
    new = MOVED.get(str(PurePosixPath(path)))
    return new and f"{new}{colon}{function}"


def redirects(files: Collection[str]) -> dict[str, bytes]:
    """The files to add, so that each of these flows is found at its old and at its new place."""
    pairs = [*MOVED.items(), *((new, old) for old, new in MOVED.items())]
    return {missing: redirect(there) for missing, there in pairs if there in files and missing not in files}


def redirect(path: str) -> bytes:
    """A Python file that gives what the file at `path` gives."""
    module = path.removesuffix(".py").replace("/", ".")
    return f'"""This file has moved to {path}."""\n\nfrom {module} import *  # noqa: F403\n'.encode()
