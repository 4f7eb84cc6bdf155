"""Makes a bundle: everything that `make up` of a site needs on a machine without a network, in one file."""

import hashlib
import tempfile
import time
from pathlib import Path

from stack.bundle import archive as bundle_write
from stack.bundle import files, packages
from stack.bundle import images as bundle_images
from stack.bundle.format import IMAGES, LOADER, MANIFEST, SITE, WHEELS, Manifest, size
from stack.core.errors import SiteError
from stack.core.files import PRIVATE, File
from stack.run import engine, up
from stack.run.engine import CONTAINERS
from stack.site import Site

SUFFIX = ".bundle.tar.gz"


def bundle(site: Site, to: Path | None) -> None:
    """Writes the bundle of a rendered site: to the file named, or SITE.bundle.tar.gz. A failure leaves no file."""
    name = f"{site.settings.SITE}{SUFFIX}"
    target = (to or Path(name)).resolve()
    _refuse(site, target, name)
    began = time.monotonic()
    up.make_images(site)
    # Beside the target: the finished file is moved there, and both need the same disk.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        made = _make(site, Path(folder))
        made.chmod(PRIVATE)
        made.replace(target)
    _say_what(site, target, time.monotonic() - began)


def _refuse(site: Site, target: Path, name: str) -> None:
    if engine.choose(site.root, site.settings.SITE_RUNS_AS) != CONTAINERS:
        raise SiteError(
            f"only a site in containers has a bundle, and {site.settings.SITE} runs as processes; start an engine with "
            f"`make engine`, and remove {site.root / engine.RECORD} if it is there"
        )
    if target.is_dir():
        raise SiteError(f"{target}: this is a folder; name the file to write, for example --to {target.name}/{name}")
    if not target.parent.is_dir():
        raise SiteError(f"{target.parent}: this folder does not exist; make it, or name another file with --to")


def _make(site: Site, folder: Path) -> Path:
    tree, wheels = files.tree(site), packages.download(folder / WHEELS)
    images = _save(bundle_images.wanted(site, tree), folder / IMAGES)
    manifest = Manifest(site.settings.SITE, site.settings.PREFECT_VERSION, images)
    with bundle_write.archive(folder / SUFFIX, _say) as archive:
        archive.add("", [File(MANIFEST, manifest.text().encode())])
        archive.add(LOADER, files.loader())
        archive.add(SITE, tree)
        _say(f"site: {len(tree)} files, {size(sum(len(file.content) for file in tree))}")
        for path in wheels:
            archive.add_file(f"{SITE}/{WHEELS}/{path.name}", path)
        _say(f"packages: {len(wheels)}, {size(sum(path.stat().st_size for path in wheels))}")
        archive.add_file(IMAGES, folder / IMAGES)
    return folder / SUFFIX


def _save(images: list[str], path: Path) -> list[str]:
    for image in images:
        _say(f"image {image}")
    bundle_images.save(images, path)
    _say(f"images: {len(images)}, {size(path.stat().st_size)}")
    return images


def _say_what(site: Site, target: Path, seconds: float) -> None:
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    for line in files.left_out(site):
        print(line)
    print(f"{target}: {size(target.stat().st_size)} after {seconds:.0f} s, sha256 {digest}")
    print("it contains .env with every secret of the site: anyone who can read it controls the site (its mode is 0600)")
    print(f"on the other machine: tar xzf {target.name} {LOADER} && python3 {LOADER} {target.name}")


def _say(line: str) -> None:
    print(line, flush=True)
