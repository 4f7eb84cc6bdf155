"""Components whose workers make containers: one description for each engine, from which all their files come."""

from dataclasses import dataclass, field

from stack.components.addresses import api_url, full_name
from stack.components.component import WORKER_DIND, WORKER_DOCKER, WORKER_PODMAN, Component
from stack.components.settings import Settings

# The folder inside every container of a site, and what a site keeps for its runs below it. Code is for reading: a flow
# must not be able to change what other runs execute.
STORAGE = "/srv/site"
CODE, RESULTS, WORK = "flows", "results", "work"
LAUNCHER = "launcher"  # the socket of those who start containers beside their own
SHARED = (CODE, RESULTS, WORK, LAUNCHER)
FOR_READING = (CODE, LAUNCHER)  # else another socket could be put where other runs look for theirs
PREFECT_USER = "1000:1000"


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
        return [f"{self.sources[name]}:{STORAGE}/{name}{_mode(name)}" for name in names or (CODE, RESULTS, WORK)]

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
        sources={name: f"{site.SITE}-{name}" for name in SHARED},
        network=site.SITE,
        api_url=api_url(site),
        bind_paths=site.DOCKER_BIND_PATHS,
    )


def dind(site: Settings) -> DockerWorkers:
    """Containers on an engine that is itself in a container of the site, with names and addresses of its own."""
    return DockerWorkers(
        component=WORKER_DIND,
        kind="dind",
        engine="an engine of the site's own",
        image="worker-docker",
        pool=site.DIND_POOL,
        replicas=site.DIND_REPLICAS,
        limit=site.DIND_LIMIT,
        query_seconds=site.DOCKER_QUERY_SECONDS,
        job_image=site.DOCKER_JOB_IMAGE,
        job_memory=site.DOCKER_JOB_MEMORY,
        job_cpus=site.DOCKER_JOB_CPUS,
        proxied=True,
        socket="",
        sources={name: f"{STORAGE}/{name}" for name in SHARED},
        network=site.SITE,
        api_url=api_url(site),
        address="tcp://dind:2376",
        nested="dind",
    )


def podman(site: Settings) -> DockerWorkers:
    """Containers on a Podman in a container of the site, or on the one of this machine whose socket the site names."""
    nested = not site.PODMAN_SOCKET
    return DockerWorkers(
        component=WORKER_PODMAN,
        kind="podman",
        engine="Podman",
        image="worker-podman",
        pool=site.PODMAN_POOL,
        replicas=site.PODMAN_REPLICAS,
        limit=site.PODMAN_LIMIT,
        query_seconds=site.DOCKER_QUERY_SECONDS,
        job_image=site.DOCKER_JOB_IMAGE,
        job_memory=site.DOCKER_JOB_MEMORY,
        job_cpus=site.DOCKER_JOB_CPUS,
        proxied=True,
        # The folder and not the file: a Podman that starts again makes another file.
        socket="engine:/run/podman" if nested else f"{site.PODMAN_SOCKET}:/run/podman/podman.sock",
        sources={name: f"{STORAGE}/{name}" if nested else f"{site.SITE}-{name}" for name in SHARED},
        network=site.SITE,
        # Podman's resolver answers names without a dot itself.
        api_url=api_url(site, full_name(site)) if nested else api_url(site),
        address="unix:///run/podman/podman.sock",
        nested="podman" if nested else "",
        client="podman",
        bind_paths=[] if nested else site.DOCKER_BIND_PATHS,
    )


def every(site: Settings) -> dict[str, DockerWorkers]:
    """By the name of their component."""
    return {workers.component.name: workers for workers in (docker(site), dind(site), podman(site))}
