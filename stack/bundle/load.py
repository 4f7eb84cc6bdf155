"""Loads a bundle on a machine without a network: checks it, puts it in place, starts it. Standard library only."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from stack.bundle import read
from stack.bundle.format import FORMAT, LOADER, SITE, Manifest, size
from stack.bundle.stream import CHUNK, Counted
from stack.core import lock
from stack.core.docker import last_line, start
from stack.core.errors import SiteError
from stack.run import engine


def load(archive: Path, output: Path | None) -> None:
    """Puts the site into the folder `output`, or into one with the name of the site, and runs `make up` there."""
    manifest = read.manifest(archive)
    root = (output or Path(manifest.site)).resolve()
    if faults := [f"{archive}: {fault}" for fault in _misfits(manifest)] + list(_missing(root)):
        raise SiteError(*faults)
    _say(f"checking {archive}: {size(archive.stat().st_size)}")
    read.verify(archive, _say)
    _place(archive, root)
    _up(root)


def _misfits(manifest: Manifest) -> Iterator[str]:
    """Why this bundle does not fit this machine."""
    own = Manifest(manifest.site, _own_prefect() or manifest.prefect, manifest.images)
    if manifest.format != FORMAT:
        yield f"has format {manifest.format}, and this program loads {FORMAT}; use the `{LOADER}` inside the bundle"
    if manifest.prefect != own.prefect:
        yield (
            f"made for Prefect {manifest.prefect}, and this program is for {own.prefect}; "
            f"use the `{LOADER}` inside the bundle"
        )
    if manifest.python != own.python:
        yield f"made for Python {manifest.python}, and this is {own.python}; load it with python{manifest.python}"
    if manifest.architecture != own.architecture:
        yield f"made for {manifest.architecture}, and this machine is {own.architecture}; make it on such a machine"


def _own_prefect() -> str:
    """The version that this checkout is for; empty for the loader in a bundle, which is for any."""
    return lock.prefect_version() if lock.LOCK.is_file() else ""


def _missing(root: Path) -> Iterator[str]:
    """What this machine lacks and no bundle contains."""
    if reason := engine.unusable():
        yield f"this site runs in containers, and {reason}"
    if not shutil.which("make"):
        yield "this machine has no `make`; install your distribution's"
    if not importlib.util.find_spec("ensurepip"):
        yield "this Python cannot make virtual environments; install your distribution's python3-venv"
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        yield f"{root}: already exists; name a new folder with --output"
    elif not root.parent.is_dir():
        yield f"{root.parent}: this folder does not exist; make it, or name another with --output"


def _place(archive: Path, root: Path) -> None:
    """Images first, then the folder, which gets its name only when it is complete: a failure leaves no half site."""
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.") as folder:
        read.unpack(archive, Path(folder) / SITE, _load_images)
        (Path(folder) / SITE).replace(root)
    _say(f"the site is in {root}")


def _load_images(stream: IO[bytes], total: int) -> None:
    with (
        tempfile.TemporaryFile() as output,
        start("load", "--quiet", stdin=subprocess.PIPE, stdout=output, stderr=output) as loading,
    ):
        # If `docker load` ends early, its own message gives the reason, not the broken pipe.
        with suppress(BrokenPipeError), cast(IO[bytes], loading.stdin) as engine_:
            shutil.copyfileobj(Counted(stream, "images", total, _say), engine_, CHUNK)
        if loading.wait():
            output.seek(0)
            raise SiteError(f"images: the engine refuses them: {last_line(output.read().decode(errors='replace'))}")
    _say(f"images: {size(total)}, all in the engine")


def _up(root: Path) -> None:
    """With this Python, which the packages fit, and without the variables of an outer make."""
    _say("make up")
    command = ["make", "--no-print-directory", "--directory", str(root), "up"]
    if subprocess.run([*command, f"PYTHON={sys.executable}", "ENV=", "OUTPUT="], check=False).returncode:
        raise SiteError(f"{root}: `make up` failed, and its output above says why; correct that and run it there again")


def _say(line: str) -> None:
    print(line, flush=True)
