"""The images of flow containers: does the registry have them, and do the engines of Docker workers?"""

from collections.abc import Iterator

from stack.components import dockerworkers, registry
from stack.components.all import running_docker_workers
from stack.components.dockerworkers import DockerWorkers
from stack.core.finding import NOTE, Finding
from stack.core.machine import Login, Machine
from stack.images.site_images import images, job_images, local_job_images
from stack.settings.settings import Settings


def pushed(settings: Settings) -> list[str]:
    """The job images that this machine's workers need in the registry; none where no worker makes containers."""
    return list(local_job_images(settings)) if running_docker_workers(settings) else []


def absent(settings: Settings, login: Login) -> list[str]:
    """Those of them that the registry does not have."""
    names, insecure = job_images(settings), [] if settings.REGISTRY_TLS else ["--insecure"]
    return [each for each in pushed(settings) if not login.docker("manifest", "inspect", *insecure, names[each]).worked]


def lacking(settings: Settings, workers: DockerWorkers, machine: Machine) -> list[str]:
    """The images of flow containers that this machine's engine has and the workers' own engine does not.

    Images of the site's registry are left out: the engine pulls them.
    """
    made = images(settings)
    wanted = dict.fromkeys([workers.job_image or made["flows"], *made.jobs.values()])
    own = [image for image in wanted if not image.startswith(f"{registry.address(settings)}/")]
    return [
        image
        for image in own
        if not dockerworkers.ask(workers, machine, "image", "inspect", image).worked
        and machine.docker("image", "inspect", image).worked
    ]


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if machine.engine_fault is not None:
        return
    for workers in running_docker_workers(settings):
        if workers.nested and dockerworkers.is_running(workers, settings, machine):
            yield from _not_loaded(workers, settings, machine)
    yield from _not_pushed(settings, machine)


def _not_loaded(workers: DockerWorkers, settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Only if the engine answers: the findings of its component say why it does not."""
    if dockerworkers.ask(workers, machine, "version").worked and (names := lacking(settings, workers, machine)):
        engine = f"the engine of {workers.component.name}"
        yield Finding(NOTE, f"{engine} lacks {' and '.join(names)}", "`make up` loads it")


def _not_pushed(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Only if this machine can log in: the registry's own findings say why it cannot."""
    if not pushed(settings) or not registry.has_login(settings) or any(registry.missing(settings, machine)):
        return
    login = registry.log_in(settings, machine)
    if not login.refusal and (names := absent(settings, login)):
        yield Finding(NOTE, f"not in the registry yet: image {' and '.join(names)}", "`make up` pushes it")
