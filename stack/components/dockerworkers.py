"""Components whose workers create containers: one description for each engine; all their files follow from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.components import registry
from stack.components.component import Component, by_hand, compose_words
from stack.components.flows import FLOW_SOURCES, PUBLISH_MEMORY
from stack.components.site import CODE, HOME, RESULTS, WORK
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine
from stack.core.repo import JOB_IMAGES
from stack.settings.settings import Settings
from stack.settings.values import KILOBYTE, kilobytes

if TYPE_CHECKING:
    from stack.core.docker import Result

LAUNCHER = "launcher"  # the socket for containers that start others
SHARED = (CODE, RESULTS, WORK, LAUNCHER)
FOR_READING = (CODE, LAUNCHER)  # otherwise a run could replace the socket that other runs use
PREFECT_USER = "1000:1000"
LOGIN_SECONDS = 30
MEMORY = {"flows": PUBLISH_MEMORY, "worker": "1g", "reaper": "256m", "socket-proxy": "256m"}
# Keeps a login in a folder that is removed afterwards; Docker reads the first variable, Podman the second.
APART = 'd=$(mktemp -d); DOCKER_CONFIG=$d REGISTRY_AUTH_FILE=$d/auth.json "$@"; s=$?; rm -r "$d"; exit $s'
# The paths in this repository that their containers read.
SOURCES = (
    *FLOW_SOURCES,
    *JOB_IMAGES,
    "socket-proxy",
    "worker-docker/as-socket-group.sh",
    "worker-docker/docker_worker.py",
    "worker-docker/reaper",
)


@dataclass(frozen=True)
class DockerWorkers:
    """Workers of one component, the engine on which they create containers, and the options of these.

    `kind` is in the names of its files and deployments, `engine` describes in words where containers run, `image` is
    the worker's image. `socket` is the engine's socket, as a mount SOURCE:TARGET of the proxy, or of every role if
    `proxied` is false; empty if the engine uses TLS. `address` is the engine's address for the proxy.
    `nested` is the service of this component that runs the engine, empty for the machine's own, and `client` the
    command for the engine there. `sources` is what the engine mounts for each of SHARED: the name of a volume, or a
    path on the engine's machine. `network` is the network of the containers, `api_url` their URL of the API, `user`
    their default user.
    """

    component: Component
    kind: str
    engine: str
    image: str
    pool: str
    replicas: int
    limit: int
    query_seconds: int
    job_image: str
    job_memory: str
    job_cpus: str
    proxied: bool
    socket: str
    sources: dict[str, str]
    network: str
    api_url: str
    address: str = "unix:///var/run/docker.sock"
    nested: str = ""
    client: str = "docker"
    user: str = PREFECT_USER
    bind_paths: list[str] = field(default_factory=list)

    def mounts(self, *names: str) -> list[str]:
        """The mounts with these names, or those of every flow container: SOURCE:TARGET or SOURCE:TARGET:ro."""
        return [f"{self.sources[name]}:{HOME}/{name}{_mode(name)}" for name in names or (CODE, RESULTS, WORK)]

    def volumes(self, *names: str) -> str:
        """The mounts with these names that are volumes of the engine, in the format of the proxy's settings."""
        return ",".join(one for one in self._mountable(names) if not one.startswith("/"))

    def paths(self, *names: str) -> str:
        """The mounts with these names that are paths of the engine, and the folders that the settings allow."""
        own = [one for one in self._mountable(names) if one.startswith("/")]
        return ",".join([*own, *self.bind_paths])

    def _mountable(self, names: tuple[str, ...]) -> list[str]:
        return [self.sources[name] + _mode(name) for name in names]

    def inside(self) -> list[str]:
        """The site's volumes in a nested engine's container, VOLUME:PATH. The engine sees only the paths, and so does
        the proxy in front of it, which checks paths."""
        return [f"{name}:{self.sources[name]}" for name in SHARED] if self.nested else []


def _mode(name: str) -> str:
    return ":ro" if name in FOR_READING else ""


def findings(workers: DockerWorkers, settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Whether the workers' own engine answers and can log in to the registry."""
    if not workers.nested or not workers.component.is_in(settings) or machine.engine_fault is not None:
        return
    name = f"the engine of {workers.component.name}"
    if not is_running(workers, settings, machine):
        yield Finding(NOTE, f"{name} is not running", "start it with `make up`")
        return
    version = ask(workers, machine, "version", "--format", "{{.Server.Version}}")
    if not version.worked:
        logs = by_hand(workers.component, "logs", workers.nested)
        yield Finding(FAIL, f"{name} does not answer ({version.reason})", f"{logs} shows why")
        return
    yield Finding(OK, f"{name} answers: {workers.client} {version.output.strip()}")
    if registry.has_login(settings):
        yield registry.login_finding(settings, _refusal(workers, settings, machine), name)


def ask(workers: DockerWorkers, machine: Machine, *words: str) -> "Result":
    """Runs a command of the workers' own engine, in its container."""
    return machine.docker(*_inside(workers, workers.client, *words), folder=workers.component.folder)


def engine_memory(workers: DockerWorkers) -> str:
    """Memory of a nested engine with its containers: what these may take, twice, as each may launch another one; and a
    gigabyte for the engine."""
    runs = workers.replicas * workers.limit
    return f"{(KILOBYTE**2 + 2 * runs * kilobytes(workers.job_memory)) // KILOBYTE}m"


def load_words(workers: DockerWorkers) -> list[str]:
    """The words of a `docker` command that loads images from its standard input into the workers' own engine."""
    return _inside(workers, workers.client, "load", "--quiet")


def is_running(workers: DockerWorkers, settings: Settings, machine: Machine) -> bool:
    labels = {"project": workers.component.project(settings.SITE), "service": workers.nested}
    filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
    return bool(machine.docker("ps", "--quiet", *filters, "--filter=status=running").output)


def _refusal(workers: DockerWorkers, settings: Settings, machine: Machine) -> str:
    """Why the workers' own engine cannot log in to the registry; empty if it can."""
    from stack.core.docker import NoAnswerError  # render does not need it

    login = ["login", "--username", settings.REGISTRY_USER, "--password-stdin", registry.address(settings)]
    command = _inside(workers, "sh", "-c", APART, "sh", workers.client, *login)
    try:
        done = machine.docker(
            *command, folder=workers.component.folder, given=settings.REGISTRY_PASSWORD, seconds=LOGIN_SECONDS
        )
    except NoAnswerError as error:
        return error.reason
    return "" if done.worked else done.reason


def _inside(workers: DockerWorkers, *command: str) -> list[str]:
    return compose_words(workers.component, "exec", "--no-TTY", workers.nested, *command)
