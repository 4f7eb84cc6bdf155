"""The image that the way `build` starts from: a Debian root file system, made here from this machine's own sources."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from stack.core.errors import SiteError
from stack.images import apt
from stack.images.engine import ORIGIN, run
from stack.images.recipe import Recipe

# The keys of Debian's archive: Ubuntu does not install them by itself.
_PACKAGES = ("mmdebstrap", "debian-archive-keyring")


def make(recipe: Recipe, labels: Mapping[str, str], log: Path, report: Callable[[str], None]) -> bool:
    """Makes and imports the root file system; whether that worked. Raises SiteError if mmdebstrap is missing."""
    _require_mmdebstrap(log, report)
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        conf, archive = Path(folder) / "apt.conf", Path(folder) / "rootfs.tar"
        conf.write_text(apt.configuration())
        lines = apt.sources(recipe.version)
        script = [str(recipe.folder / "rootfs"), recipe.version, str(conf), str(archive), *lines]
        changes = [f"--change=LABEL {_quoted(k)}={_quoted(v)}" for k, v in {**labels, ORIGIN: "build"}.items()]
        return (
            run(["sh", *script], log) == 0
            and run(["docker", "import", *changes, str(archive), recipe.reference], log) == 0
        )


def _require_mmdebstrap(log: Path, report: Callable[[str], None]) -> None:
    if shutil.which("mmdebstrap"):
        return
    install = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *_PACKAGES]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SiteError(
            f"images: building needs mmdebstrap; install it as root with `{' '.join(install)}` (Debian, Ubuntu), "
            "or write BASE_IMAGES=pull if this machine can reach a registry"
        )
    report(f"images: installing {' '.join(_PACKAGES)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], log, env=quiet)
    if run(install, log, env=quiet):
        raise SiteError(f"images: `{' '.join(install)}` failed; its log: {log}")


def _quoted(text: str) -> str:
    """A word of a Dockerfile instruction, with nothing left to substitute."""
    return '"' + "".join(f"\\{c}" if c in '\\"$' else c for c in text) + '"'
