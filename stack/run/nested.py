"""An engine in a container of the site: it starts empty, and gets the images of flow containers from this machine."""

import subprocess
import time
from collections.abc import Sequence

from stack.components import dockerworkers
from stack.components.all import docker_workers
from stack.components.component import Component
from stack.components.dockerworkers import DockerWorkers
from stack.core.docker import LONG_SECONDS, docker, start
from stack.core.errors import SiteError
from stack.images import flow_images
from stack.run import compose
from stack.run.machine import ThisMachine
from stack.site import Site


def prepare(site: Site, component: Component) -> None:
    """Starts the component's own engine, if it has one, and loads the images of its flow containers there.

    This happens before the workers start, because a run fails if its image is missing. The engine pulls images that
    this machine does not have, and those of the site's registry.
    """
    workers = docker_workers(site.settings).get(component.name)
    if workers is None or not workers.nested:
        return
    compose.up(site.root, component, workers.nested)
    if images := flow_images.lacking(site.settings, workers, ThisMachine(site.root)):
        _load(site, workers, images)


def _load(site: Site, workers: DockerWorkers, images: Sequence[str]) -> None:
    """`docker save` here, `docker load` there, in one archive, because the images share most of their layers."""
    name = workers.component.name
    print(f"{name}: loading {' and '.join(images)}", flush=True)
    began = time.monotonic()
    folder = site.root / workers.component.folder
    with start("save", *images, stdout=subprocess.PIPE) as saved:
        done = docker(*dockerworkers.load_words(workers), folder=folder, given=saved.stdout or "", seconds=LONG_SECONDS)
    if not done.worked or saved.returncode:
        raise SiteError(f"{name}: {' and '.join(images)} cannot be loaded into {workers.nested}: {done.reason}")
    print(f"{name}: loaded after {time.monotonic() - began:.0f} s", flush=True)
