"""worker-docker/, component worker-dind: Docker workers on the site's own engine in a container (DinD)."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from stack.components import dockerworkers
from stack.components.component import CLIENT_USAGE, SERVER_USAGE, Certificate, Component, Secrets
from stack.components.dockerworkers import SHARED, SOURCES, DockerWorkers
from stack.components.server import api_url, login
from stack.components.site import HOME
from stack.components.worker_docker import WORKER_DOCKER
from stack.core.finding import FAIL, Finding
from stack.core.machine import Machine
from stack.settings import values
from stack.settings.settings import Section, Settings, setting

BITS = 24  # size of one network of containers
TUN = "/dev/net/tun"
NAMESPACES = "/proc/sys/user/max_user_namespaces"


class DindSettings(Section):
    """worker-docker/, component worker-dind: Docker workers on their own engine (DinD)"""

    DIND_POOL: values.PoolName = setting(
        "dind_pool",
        "Work pool of these workers; DOCKER_JOB_IMAGE and the other DOCKER_JOB_... settings apply to it too.",
        "dind_pool_b",
    )
    DIND_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    DIND_LIMIT: values.Count = setting(4, "Flow containers that one worker runs at the same time.", "4")
    DIND_SUBNET: values.Subnet = setting(
        "10.213.0.0/16",
        "Addresses of the containers on that engine; must not overlap networks that the containers must reach.",
        "172.30.0.0/20",
    )
    DIND_ROOTLESS: values.Switch = setting(
        False,
        "true: the engine's container has no privileges on this machine. Needs a kernel with user namespaces; the "
        "limits of memory and cores of flow containers then have no effect.",
        "true",
    )


def workers(settings: Settings) -> DockerWorkers:
    """Containers on an engine that runs in a container of the site and has its own names and addresses."""
    return DockerWorkers(
        component=WORKER_DIND,
        kind="dind",
        engine="an engine of the site's own",
        image="worker-docker",
        pool=settings.DIND_POOL,
        replicas=settings.DIND_REPLICAS,
        limit=settings.DIND_LIMIT,
        query_seconds=settings.DOCKER_QUERY_SECONDS,
        job_image=settings.DOCKER_JOB_IMAGE,
        job_memory=settings.DOCKER_JOB_MEMORY,
        job_cpus=settings.DOCKER_JOB_CPUS,
        proxied=True,
        socket="",
        sources={name: f"{HOME}/{name}" for name in SHARED},
        network=settings.SITE,
        api_url=api_url(settings),
        address="tcp://dind:2376",
        nested="dind",
    )


def bridge(settings: Settings) -> str:
    """The engine's own network, for its option --bip: the first small network in DIND_SUBNET."""
    first = next(IPv4Network(settings.DIND_SUBNET).subnets(new_prefix=BITS))
    return f"{first[1]}/{BITS}"


def addresses(settings: Settings) -> str:
    """The addresses of all other container networks, for the engine's option --default-address-pool."""
    upper = list(IPv4Network(settings.DIND_SUBNET).subnets())[1]
    return f"base={upper},size={BITS}"


def engine_memory(settings: Settings) -> str:
    return dockerworkers.engine_memory(workers(settings))


def secrets(settings: Settings) -> Secrets:
    """Certificates of the engine and of its clients."""
    engine = Certificate("dind", ("dind", "localhost", "127.0.0.1"), SERVER_USAGE)
    client = Certificate("dind-client", ("dind-client",), CLIENT_USAGE)
    return Secrets(login(settings), certificates=(engine, client))


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if settings.DIND_ROOTLESS and WORKER_DIND.is_in(settings) and machine.engine_fault is None:
        yield from rootless(machine)
    yield from dockerworkers.findings(workers(settings), settings, machine)


def rootless(machine: Machine, tun: str = TUN, namespaces: str = NAMESPACES) -> Iterator[Finding]:
    """What this machine's kernel lacks for an engine without privileges."""
    if not machine.exists(tun):
        yield Finding(FAIL, f"DIND_ROOTLESS: this machine has no {tun}", "load it as root with `modprobe tun`")
    if (machine.read(namespaces) or b"").strip() == b"0":
        yield Finding(
            FAIL,
            "DIND_ROOTLESS: this machine allows no user namespaces",
            f"write a number such as 10000 into {namespaces} as root, or set DIND_ROOTLESS=false",
        )


WORKER_DIND = Component(
    noun="worker_dind",
    name="worker-dind",
    folder=WORKER_DOCKER.folder,
    images=("flows", "worker-docker", "dind"),
    sources=SOURCES,
    variant="dind",
    sample="weather/weather_dind",
    runs_flows=True,
    docker_workers=workers,
    services=frozenset({"worker", "reaper", "dind", "socket-proxy"}),
    memory=dockerworkers.MEMORY | {"dind": engine_memory},
    templates=WORKER_DOCKER.templates,
    sections=(DindSettings,),
    secrets=secrets,
    findings=findings,
    seen=(workers, bridge, addresses),
)
