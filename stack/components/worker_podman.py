"""worker-podman/: workers that create containers on Podman."""

from collections.abc import Iterator

from stack.components import dockerworkers
from stack.components.component import Component
from stack.components.dockerworkers import SHARED, SOURCES, DockerWorkers
from stack.components.server import api_url, client_secrets, full_name
from stack.components.site import HOME
from stack.core.finding import Finding
from stack.core.machine import Machine
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, setting


class PodmanSettings(Section):
    """worker-podman/: workers that create containers on Podman"""

    PODMAN_POOL: values.PoolName = setting(
        "podman_pool",
        "Work pool of these workers; DOCKER_JOB_IMAGE and the other DOCKER_JOB_... settings apply to it too.",
        "podman_pool_b",
    )
    PODMAN_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    PODMAN_LIMIT: values.Count = setting(4, "Flow containers that one worker runs at the same time.", "4")
    PODMAN_SOCKET: values.MountedPath = setting(
        "",
        "Socket of this machine's own Podman, rootful or rootless; the component must then run on that Podman too "
        "(worker-podman/README.md). Empty: Podman runs in a container beside the workers.",
        "/run/podman/podman.sock",
        optional=True,
    )


def podman_has_its_own_machine(settings: Settings) -> Iterator[Fault]:
    others = [name for name in ("worker-docker", "worker-dind") if name in settings.COMPONENTS]
    if settings.PODMAN_SOCKET and "worker-podman" in settings.COMPONENTS and others:
        yield Fault(
            "PODMAN_SOCKET",
            f"all components would run on that Podman, which cannot run {' and '.join(others)}; leave it empty for a "
            "Podman in a container, or take them out of COMPONENTS",
            instead="",
        )


RULES: Rules = {podman_has_its_own_machine: ("COMPONENTS", "PODMAN_SOCKET")}


def workers(settings: Settings) -> DockerWorkers:
    """Containers on a Podman in a container of the site, or on this machine's own if PODMAN_SOCKET is set."""
    nested = not settings.PODMAN_SOCKET
    return DockerWorkers(
        component=WORKER_PODMAN,
        kind="podman",
        engine="Podman",
        image="worker-podman",
        pool=settings.PODMAN_POOL,
        replicas=settings.PODMAN_REPLICAS,
        limit=settings.PODMAN_LIMIT,
        query_seconds=settings.DOCKER_QUERY_SECONDS,
        job_image=settings.DOCKER_JOB_IMAGE,
        job_memory=settings.DOCKER_JOB_MEMORY,
        job_cpus=settings.DOCKER_JOB_CPUS,
        proxied=True,
        # The folder and not the file: a restarted Podman creates another file.
        socket="engine:/run/podman" if nested else f"{settings.PODMAN_SOCKET}:/run/podman/podman.sock",
        sources={name: f"{HOME}/{name}" if nested else f"{settings.SITE}-{name}" for name in SHARED},
        network=settings.SITE,
        # Podman's resolver does not forward names without a dot.
        api_url=api_url(settings, full_name(settings)) if nested else api_url(settings),
        address="unix:///run/podman/podman.sock",
        nested="podman" if nested else "",
        client="podman",
        bind_paths=[] if nested else settings.DOCKER_BIND_PATHS,
    )


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    return dockerworkers.findings(workers(settings), settings, machine)


def engine_memory(settings: Settings) -> str:
    return dockerworkers.engine_memory(workers(settings))


WORKER_PODMAN = Component(
    noun="worker_podman",
    name="worker-podman",
    folder="worker-podman",
    images=("flows", "worker-podman", "podman"),
    sources=SOURCES,
    sample="weather/weather_podman",
    runs_flows=True,
    docker_workers=workers,
    services=frozenset({"worker", "reaper", "podman"}),
    memory=dockerworkers.MEMORY | {"podman": engine_memory},
    templates=("base-job-template.json",),
    sections=(PodmanSettings,),
    rules=RULES,
    secrets=client_secrets,
    findings=findings,
    seen=(workers,),
)
