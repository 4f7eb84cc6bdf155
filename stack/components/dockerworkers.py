"""Components whose workers make containers: one description for each engine, from which all their files come."""

from dataclasses import dataclass, field

from stack.components.component import Component
from stack.components.flows import FLOW_SOURCES
from stack.components.site import CODE, HOME, RESULTS, WORK
from stack.core.repo import JOB_IMAGES

LAUNCHER = "launcher"  # the socket of those who start containers beside their own
SHARED = (CODE, RESULTS, WORK, LAUNCHER)
FOR_READING = (CODE, LAUNCHER)  # else another socket could be put where other runs look for theirs
PREFECT_USER = "1000:1000"
# What their containers read of this repository.
SOURCES = (
    *FLOW_SOURCES,
    *JOB_IMAGES,
    "client/reaper",
    "client/service",
    "socket-proxy",
    "worker-docker/as-socket-group.sh",
    "worker-docker/docker_worker.py",
)


@dataclass(frozen=True)
class DockerWorkers:
    """Workers of one component, the engine that they make containers on, and what these may be.

    `kind` is in the names of its files and deployments, `engine` says in words where containers run, `image` is the
    worker's. `socket` is the engine's, as a mount SOURCE:TARGET of the proxy, or of every role where
    `proxied` is false; empty for one that is asked over TLS. `address` is where the proxy then finds it.
    `nested` is the service of this component that holds the engine, empty for the machine's own, and `client` the
    command that asks the engine there. `sources` is what the engine mounts for each of SHARED: the name of a volume, or
    a path where it runs. `network` is the one that containers join, `api_url` where they find the API, `user` who they
    are by default.
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
        """Those of these names, or what every flow container has: SOURCE:TARGET or SOURCE:TARGET:ro."""
        return [f"{self.sources[name]}:{HOME}/{name}{_mode(name)}" for name in names or (CODE, RESULTS, WORK)]

    def volumes(self, *names: str) -> str:
        """Those of these names that the engine knows as volumes, in the form of the proxy's settings."""
        return ",".join(one for one in self._mountable(names) if not one.startswith("/"))

    def paths(self, *names: str) -> str:
        """Those that it knows as paths, and the folders that the site allows."""
        own = [one for one in self._mountable(names) if one.startswith("/")]
        return ",".join([*own, *self.bind_paths])

    def _mountable(self, names: tuple[str, ...]) -> list[str]:
        return [self.sources[name] + _mode(name) for name in names]

    def inside(self) -> list[str]:
        """Where a nested engine has the volumes of the site, VOLUME:PATH: it knows them as paths, and so does whoever
        looks at paths in front of it."""
        return [f"{name}:{self.sources[name]}" for name in SHARED] if self.nested else []


def _mode(name: str) -> str:
    return ":ro" if name in FOR_READING else ""
