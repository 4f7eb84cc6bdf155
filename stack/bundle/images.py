"""The images of a bundle: which, and all of them in one file."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from stack.core.errors import SiteError
from stack.core.files import File
from stack.images import engine
from stack.images.named import named
from stack.images.site_images import job_images, local_job_images
from stack.run import push
from stack.site import Site


def wanted(site: Site, tree: Iterable[File]) -> list[str]:
    """What the files name, and the job images of its workers, by their names on this engine: `up` pushes those."""
    pushed = set(job_images(site.settings).values()) - set(local_job_images(site.settings).values())
    jobs = [local_job_images(site.settings)[name] for name in push.names(site)]
    return list(dict.fromkeys([image for image in named(tree) if image not in pushed] + jobs))


def save(images: list[str], path: Path) -> None:
    """`docker save`, all in one, for they share most of their layers. Raises SiteError with all that are missing."""
    if missing := [image for image in images if not engine.has(image)]:
        raise SiteError(
            *(f"{image}: this machine's engine has no such image; `docker pull {image}`" for image in missing)
        )
    done = subprocess.run(
        ["docker", "save", "--output", str(path), *images], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SiteError(f"images: `docker save` failed: {' '.join(done.stderr.split())}")
