"""Components whose workers make containers: one description for each engine, from which all their files come."""

from dataclasses import dataclass, field

from stack.components import WORKER_DOCKER, Component
from stack.settings import Settings

# The folder inside every container of a site, and what a site keeps for its runs below it. Code is for reading: a flow
# must not be able to change what other runs execute.
STORAGE = "/srv/site"
CODE, RESULTS, WORK = "flows", "results", "work"
LAUNCHER = "launcher"  # the socket of those who start containers beside their own


@dataclass(frozen=True)
class DockerWorkers:
    """Workers of one component, the engine that they make containers on, and what these may be.

    `kind` is in the names of its files and deployments, `engine` says in words where containers run, `image` is the
    worker's. `socket` is the engine's, as a mount SOURCE:TARGET of the proxy, or of every role where
    `proxied` is false. `sources` is what the engine mounts for each of CODE, RESULTS, WORK and LAUNCHER: the name of a
    volume, or a path of the engine's machine. `network` is the one that containers join, and where it is the engine's
    own (`host`), they have its names and addresses.
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
    bind_paths: list[str] = field(default_factory=list)

    def mounts(self) -> list[str]:
        """What every flow container has: SOURCE:TARGET or SOURCE:TARGET:ro."""
        modes = {CODE: ":ro", RESULTS: "", WORK: ""}
        return [f"{self.sources[name]}:{STORAGE}/{name}{mode}" for name, mode in modes.items()]

    def volumes(self, *names: str) -> str:
        """Those of these names that the engine knows as volumes, in the form of the proxy's settings."""
        return ",".join(self.sources[name] for name in names if not self.sources[name].startswith("/"))

    def paths(self, *names: str) -> str:
        """Those that it knows as paths, and the folders that the site allows."""
        own = [self.sources[name] for name in names if self.sources[name].startswith("/")]
        return ",".join([*own, *self.bind_paths])


def docker(site: Settings) -> DockerWorkers:
    """Sibling containers on the engine of this machine: the site's own volumes and network, by name."""
    return DockerWorkers(
        component=WORKER_DOCKER,
        kind="docker",
        engine="this machine's engine",
        image="worker-docker",
        pool=site.DOCKER_POOL,
        replicas=site.DOCKER_REPLICAS,
        limit=site.DOCKER_LIMIT,
        query_seconds=site.DOCKER_QUERY_SECONDS,
        job_image=site.DOCKER_JOB_IMAGE,
        job_memory=site.DOCKER_JOB_MEMORY,
        job_cpus=site.DOCKER_JOB_CPUS,
        proxied=site.DOCKER_PROXY,
        socket=f"{site.DOCKER_SOCKET}:/var/run/docker.sock",
        sources={name: f"{site.SITE}-{name}" for name in (CODE, RESULTS, WORK, LAUNCHER)},
        network=site.SITE,
        bind_paths=site.DOCKER_BIND_PATHS,
    )


def every(site: Settings) -> dict[str, DockerWorkers]:
    """By the name of their component."""
    return {workers.component.name: workers for workers in (docker(site),)}
