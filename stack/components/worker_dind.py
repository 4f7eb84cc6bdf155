"""worker-docker/, component worker-dind: Docker workers on an engine of the site's own, in a container (DinD)."""

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

BITS = 24  # of one network of containers
TUN = "/dev/net/tun"
NAMESPACES = "/proc/sys/user/max_user_namespaces"


class DindSettings(Section):
    """worker-docker/, component worker-dind: Docker workers on an engine of their own (DinD)"""

    DIND_POOL: values.PoolName = setting(
        "dind_pool",
        "Work pool of these workers; what their flow containers are like is said by DOCKER_JOB_IMAGE and the like.",
        "dind_pool_b",
    )
    DIND_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    DIND_LIMIT: values.Count = setting(4, "Flow containers that one worker runs at a time.", "4")
    DIND_SUBNET: values.Subnet = setting(
        "10.213.0.0/16",
        "Addresses of the containers on that engine; no network that they have to reach may be among them.",
        "172.30.0.0/20",
    )
    DIND_ROOTLESS: values.Switch = setting(
        False,
        "true: the engine's container has no privileges of this machine. Needs a kernel with user namespaces, and "
        "limits no memory and no cores of single flow containers.",
        "true",
    )


def workers(settings: Settings) -> DockerWorkers:
    """Containers on an engine that is itself in a container of the site, with names and addresses of its own."""
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
    """The engine's own network as its option --bip takes it: the first of the small networks of DIND_SUBNET."""
    first = next(IPv4Network(settings.DIND_SUBNET).subnets(new_prefix=BITS))
    return f"{first[1]}/{BITS}"


def addresses(settings: Settings) -> str:
    """Where all other networks of containers come from, as its option --default-address-pool takes it."""
    upper = list(IPv4Network(settings.DIND_SUBNET).subnets())[1]
    return f"base={upper},size={BITS}"


def secrets(settings: Settings) -> Secrets:
    """Certificates of the engine, and of those who may ask it."""
    engine = Certificate("dind", ("dind", "localhost", "127.0.0.1"), SERVER_USAGE)
    client = Certificate("dind-client", ("dind-client",), CLIENT_USAGE)
    return Secrets(login(settings), certificates=(engine, client))


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if settings.DIND_ROOTLESS and WORKER_DIND.is_in(settings) and machine.engine_fault is None:
        yield from rootless(machine)
    yield from dockerworkers.findings(workers(settings), settings, machine)


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
    templates=WORKER_DOCKER.templates,
    sections=(DindSettings,),
    secrets=secrets,
    findings=findings,
    seen=(workers, bridge, addresses),
)
