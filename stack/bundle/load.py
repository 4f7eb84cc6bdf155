"""Loading a bundle on a machine without a network: checked, put in place, started. Standard library alone."""

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
from stack.core.errors import SiteError
from stack.run import engine


def load(archive: Path, output: Path | None) -> None:
    """Puts the site into the folder `output`, or one that is called like it, and types `make up` there."""
    manifest = read.manifest(archive)
    root = (output or Path(manifest.site)).resolve()
    if faults := [f"{archive}: {fault}" for fault in _misfits(manifest)] + list(_lacks(root)):
        raise SiteError(*faults)
    _say(f"checking {archive}: {size(archive.stat().st_size)}")
    read.verify(archive, _say)
    _place(archive, root)
    _up(root)


def _misfits(manifest: Manifest) -> Iterator[str]:
    """Why this bundle is for another machine than this."""
    own = Manifest(manifest.site, _own_prefect() or manifest.prefect, manifest.images)
    if manifest.format != FORMAT:
        yield f"a bundle of format {manifest.format}, and this loads {FORMAT}; use the `{LOADER}` that lies in it"
    if manifest.prefect != own.prefect:
        yield f"made for Prefect {manifest.prefect}, and this is for {own.prefect}; use the `{LOADER}` that lies in it"
    if manifest.python != own.python:
        yield f"made for Python {manifest.python}, and this is {own.python}; load it with python{manifest.python}"
    if manifest.architecture != own.architecture:
        yield f"made for {manifest.architecture}, and this machine is {own.architecture}; make it on one of this kind"


def _own_prefect() -> str:
    """The version that this checkout is for; the loader in a bundle is for any."""
    return lock.prefect_version() if lock.LOCK.is_file() else ""


def _lacks(root: Path) -> Iterator[str]:
    """What this machine lacks, and no bundle holds."""
    if reason := engine.unusable():
        yield f"this site runs in containers, and {reason}"
    if not shutil.which("make"):
        yield "there is no make; install your distribution's"
    if not importlib.util.find_spec("ensurepip"):
        yield "this Python makes no environments; install your distribution's python3-venv"
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        yield f"{root}: there is something; name a folder that is new with --output"
    elif not root.parent.is_dir():
        yield f"{root.parent}: there is no such folder; make it, or name another one with --output"


def _place(archive: Path, root: Path) -> None:
    """Images first, and the folder under its name when all of it is there: what fails leaves no half site."""
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.") as folder:
        read.unpack(archive, Path(folder) / SITE, _load_images)
        (Path(folder) / SITE).replace(root)
    _say(f"the site is in {root}")


def _load_images(stream: IO[bytes], total: int) -> None:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(["docker", "load", "--quiet"], stdin=subprocess.PIPE, stdout=said, stderr=said) as loading,
    ):
        # One that ends early says why, and not the pipe.
        with suppress(BrokenPipeError), cast(IO[bytes], loading.stdin) as engine_:
            shutil.copyfileobj(Counted(stream, "images", total, _say), engine_, CHUNK)
        if loading.wait():
            said.seek(0)
            reason = " ".join(said.read().decode(errors="replace").split())
            raise SiteError(f"images: the engine refuses them: {reason}")
    _say(f"images: {size(total)}, all in the engine")


def _up(root: Path) -> None:
    """With this Python, which the packages fit, and without what an outer make was told."""
    _say("make up")
    command = ["make", "--no-print-directory", "--directory", str(root), "up"]
    if subprocess.run([*command, f"PYTHON={sys.executable}", "ENV=", "OUTPUT="], check=False).returncode:
        raise SiteError(f"{root}: `make up` failed, and says why above; mend that and run it there again")


def _say(line: str) -> None:
    print(line, flush=True)
