"""An engine in a container of the site: it starts empty, and gets the image of flow containers from this machine."""

import subprocess
import time
from pathlib import Path

from stack import compose, dockerworkers
from stack.components import Component
from stack.context import context
from stack.dockerworkers import DockerWorkers
from stack.errors import SiteError
from stack.site import Site


def prepare(site: Site, component: Component) -> None:
    """Starts the component's own engine, where it has one, and loads the images of its jobs there.

    Before the workers start: a run that finds no image fails. An image that this machine's engine has not either is
    left to be pulled, and so are job images where the site has a registry.
    """
    workers = dockerworkers.every(site.settings).get(component.name)
    if workers is None or not workers.nested:
        return
    compose.up(site.root, component, workers.nested)
    wanted = [image for image in _images(site, component) if not _has(site.root, workers, image) and _is_here(image)]
    if wanted:
        _load(site.root, workers, wanted)


def _images(site: Site, component: Component) -> list[str]:
    names = context(site.settings)
    jobs = [] if names["REGISTRY_USED"] else names["JOB_IMAGE"].values()
    return [names["POOLS"][component.name].image, *jobs]


def _has(root: Path, workers: DockerWorkers, image: str) -> bool:
    command = compose.service_command(workers.component, workers.nested, workers.client, "image", "inspect", image)
    done = subprocess.run(
        command, cwd=root / workers.component.folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode == 0


def _is_here(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _load(root: Path, workers: DockerWorkers, images: list[str]) -> None:
    """`docker save` here, `docker load` there; together, so that what they share goes over once."""
    shown = " and ".join(images)
    print(f"{workers.component.name}: loading {shown}", flush=True)
    began = time.monotonic()
    command = compose.service_command(workers.component, workers.nested, workers.client, "load", "--quiet")
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
        done = subprocess.run(
            command,
            cwd=root / workers.component.folder,
            stdin=saved.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode or saved.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
        raise SiteError(f"{workers.component.name}: {shown} cannot be loaded into {workers.nested}: {reason}")
    print(f"{workers.component.name}: loaded after {time.monotonic() - began:.0f} s", flush=True)
