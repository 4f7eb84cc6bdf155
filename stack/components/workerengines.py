"""The engines on which Docker workers make containers, and the images that these need there."""

from collections.abc import Iterator

from stack.components import dockerworkers, registry
from stack.components.component import WORKER_DIND, by_hand, chosen, compose_words
from stack.components.context import context, job_images, local_job_images
from stack.components.dockerworkers import DockerWorkers
from stack.components.settings import Settings
from stack.core.docker import NoAnswerError, Result
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Login, Machine

TUN = "/dev/net/tun"
NAMESPACES = "/proc/sys/user/max_user_namespaces"
LOGIN_SECONDS = 30
# Keeps a login in a folder that is removed afterwards, as Docker and as Podman look for it.
APART = 'd=$(mktemp -d); DOCKER_CONFIG=$d REGISTRY_AUTH_FILE=$d/auth.json "$@"; s=$?; rm -r "$d"; exit $s'


def here(site: Settings) -> list[DockerWorkers]:
    """The Docker workers of this machine."""
    every = dockerworkers.every(site)
    return [every[component.name] for component in chosen(site.COMPONENTS) if component.name in every]


def pushed(site: Settings) -> list[str]:
    """The job images that this machine's workers need in the registry; none where no worker makes containers."""
    return list(local_job_images(site)) if here(site) else []


def absent(site: Settings, login: Login) -> list[str]:
    """Those of them that the registry does not have."""
    names, insecure = job_images(site), [] if site.REGISTRY_TLS else ["--insecure"]
    return [each for each in pushed(site) if not login.docker("manifest", "inspect", *insecure, names[each]).worked]


def lacking(site: Settings, machine: Machine, workers: DockerWorkers) -> list[str]:
    """The images of flow containers that this machine's engine has and the workers' own engine does not.

    Images of the site's registry are left out: the engine pulls them.
    """
    names = context(site)
    wanted = dict.fromkeys([names["POOLS"][workers.component.name].image, *names["JOB_IMAGE"].values()])
    own = [image for image in wanted if not image.startswith(f"{registry.address(site)}/")]
    return [
        image
        for image in own
        if not ask(machine, workers, "image", "inspect", image).worked
        and machine.docker("image", "inspect", image).worked
    ]


def ask(machine: Machine, workers: DockerWorkers, *words: str) -> Result:
    """Runs a command of the workers' own engine, in its container."""
    return machine.docker(*_inside(workers, workers.client, *words), folder=workers.component.folder)


def load_words(workers: DockerWorkers) -> list[str]:
    """The words of a `docker` command that loads images from its standard input into the workers' own engine."""
    return _inside(workers, workers.client, "load", "--quiet")


def findings(site: Settings, machine: Machine) -> Iterator[Finding]:
    if machine.engine_fault is not None:
        return
    yield from _not_pushed(site, machine)
    if site.DIND_ROOTLESS and WORKER_DIND in chosen(site.COMPONENTS):
        yield from rootless(machine)
    for workers in here(site):
        if workers.nested:
            yield from _nested(site, machine, workers)


def rootless(machine: Machine, tun: str = TUN, namespaces: str = NAMESPACES) -> Iterator[Finding]:
    """What the kernel of this machine lacks for an engine without privileges."""
    if not machine.exists(tun):
        yield Finding(FAIL, f"DIND_ROOTLESS: this machine has no {tun}", "load it as root with `modprobe tun`")
    if (machine.read(namespaces) or b"").strip() == b"0":
        yield Finding(
            FAIL,
            "DIND_ROOTLESS: this machine allows no user namespaces",
            f"write a number such as 10000 into {namespaces} as root, or set DIND_ROOTLESS=false",
        )


def _not_pushed(site: Settings, machine: Machine) -> Iterator[Finding]:
    """Only if this machine can log in: the registry's own findings say why it cannot."""
    if not pushed(site) or not registry.has_login(site) or any(registry.missing(site, machine)):
        return
    login = registry.log_in(site, machine)
    if not login.refusal and (names := absent(site, login)):
        yield Finding(NOTE, f"not in the registry yet: image {' and '.join(names)}", "`make up` pushes it")


def _nested(site: Settings, machine: Machine, workers: DockerWorkers) -> Iterator[Finding]:
    name = f"the engine of {workers.component.name}"
    if not _is_running(site, machine, workers):
        yield Finding(NOTE, f"{name} is not running", "start it with `make up`")
        return
    version = ask(machine, workers, "version", "--format", "{{.Server.Version}}")
    if not version.worked:
        logs = by_hand(workers.component, "logs", workers.nested)
        yield Finding(FAIL, f"{name} does not answer ({version.reason})", f"{logs} says why")
        return
    yield Finding(OK, f"{name} answers: {workers.client} {version.output.strip()}")
    if images := lacking(site, machine, workers):
        yield Finding(NOTE, f"{name} lacks {' and '.join(images)}", "`make up` loads it")
    if registry.has_login(site):
        yield registry.login_finding(site, _refusal(site, machine, workers), name)


def _is_running(site: Settings, machine: Machine, workers: DockerWorkers) -> bool:
    labels = {"project": workers.component.project(site.SITE), "service": workers.nested}
    filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
    return bool(machine.docker("ps", "--quiet", *filters, "--filter=status=running").output)


def _refusal(site: Settings, machine: Machine, workers: DockerWorkers) -> str:
    """Why the workers' own engine cannot log in to the registry; empty if it can."""
    login = ["login", "--username", site.REGISTRY_USER, "--password-stdin", registry.address(site)]
    command = _inside(workers, "sh", "-c", APART, "sh", workers.client, *login)
    try:
        done = machine.docker(
            *command, folder=workers.component.folder, given=site.REGISTRY_PASSWORD, seconds=LOGIN_SECONDS
        )
    except NoAnswerError as error:
        return error.reason
    return "" if done.worked else done.reason


def _inside(workers: DockerWorkers, *command: str) -> list[str]:
    return compose_words(workers.component, "exec", "--no-TTY", workers.nested, *command)
