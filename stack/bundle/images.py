"""The images of a bundle: which they are, and saving all of them in one file."""

from collections.abc import Iterable
from pathlib import Path

from stack.core.docker import LONG_SECONDS, docker
from stack.core.errors import SiteError
from stack.core.files import File
from stack.images import engine, flow_images
from stack.images.named import named
from stack.images.site_images import job_images, local_job_images
from stack.site import Site


def wanted(site: Site, tree: Iterable[File]) -> list[str]:
    """The images that the files name, and the job images of the workers by their names on this engine: `up` pushes
    these."""
    pushed = set(job_images(site.settings).values()) - set(local_job_images(site.settings).values())
    jobs = [local_job_images(site.settings)[name] for name in flow_images.pushed(site.settings)]
    return list(dict.fromkeys([image for image in named(tree) if image not in pushed] + jobs))


def save(images: list[str], path: Path) -> None:
    """`docker save` of all in one archive, because they share most of their layers. Raises SiteError with all that are
    missing."""
    if missing := [image for image in images if not engine.has(image)]:
        raise SiteError(
            *(
                f"{image}: this machine's engine does not have this image; run `docker pull {image}`"
                for image in missing
            )
        )
    done = docker("save", "--output", str(path), *images, seconds=LONG_SECONDS)
    if not done.worked:
        raise SiteError(f"images: `docker save` failed: {done.reason}")
