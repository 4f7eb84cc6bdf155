"""An engine in a container of the site: it starts empty, and gets the images of flow containers from this machine."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from stack.components import registry
from stack.components.all import docker_workers
from stack.components.component import Component
from stack.components.dockerworkers import DockerWorkers
from stack.core.errors import SiteError
from stack.images.site_images import images
from stack.run import compose
from stack.site import Site


def prepare(site: Site, component: Component) -> None:
    """Starts the component's own engine, where it has one, and loads there what its flow containers run in.

    Before the workers start: a run that finds no image fails. What this machine's engine has not either is left to be
    pulled, and so is what comes from the site's registry.
    """
    workers = docker_workers(site.settings).get(component.name)
    if workers is None or not workers.nested:
        return
    compose.up(site.root, component, workers.nested)
    if images := lacking(site, workers):
        _load(site.root, workers, images)


def lacking(site: Site, workers: DockerWorkers) -> list[str]:
    """The images of flow containers that this machine's engine has and the one in the container has not."""
    made = images(site.settings)
    wanted = [workers.job_image or made["flows"], *made.jobs.values()]
    pulled = f"{registry.address(site.settings)}/"
    own = [image for image in dict.fromkeys(wanted) if not image.startswith(pulled)]
    return [image for image in own if not _has(site.root, workers, image) and _is_here(image)]


def ask(root: Path, workers: DockerWorkers, *words: str) -> "subprocess.CompletedProcess[str]":
    """The answer of the engine in the container."""
    command = compose.service_command(workers.component, workers.nested, workers.client, *words)
    folder = root / workers.component.folder
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _has(root: Path, workers: DockerWorkers, image: str) -> bool:
    return ask(root, workers, "image", "inspect", image).returncode == 0


def _is_here(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _load(root: Path, workers: DockerWorkers, images: Sequence[str]) -> None:
    """`docker save` here, `docker load` there, in one archive: the images share most of their layers."""
    name = workers.component.name
    print(f"{name}: loading {' and '.join(images)}", flush=True)
    began = time.monotonic()
    command = compose.service_command(workers.component, workers.nested, workers.client, "load", "--quiet")
    folder = root / workers.component.folder
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
        done = subprocess.run(command, cwd=folder, stdin=saved.stdout, capture_output=True, text=True, check=False)
    if done.returncode or saved.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
        raise SiteError(f"{name}: {' and '.join(images)} cannot be loaded into {workers.nested}: {reason}")
    print(f"{name}: loaded after {time.monotonic() - began:.0f} s", flush=True)
