"""Every setting of `.env`: its type, default, example and description, one class per component.

The names are upper case because they are the keys of `.env`, and a template uses the same names again: a reader who
looks for SERVER_PORT finds it here, in `.env.example`, in the template and nowhere else.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import Field, dataclass, field, fields
from typing import Annotated, Any, ClassVar, NamedTuple

from stack import values
from stack.components import KNOWN
from stack.envfile import EnvFile, nearest
from stack.errors import SiteError

MAX_SHOWN = 200  # characters; a fault is one line, and does not repeat a longer value
SETTING = "setting"


class Setting(NamedTuple):
    """What is known of a key besides its type. A `secret` is made when empty and never printed, an `optional` one may
    be empty."""

    default: Any
    description: str
    example: str
    secret: bool
    optional: bool


def setting(default: Any, description: str, example: str, *, secret: bool = False, optional: bool = False) -> Any:
    """A field of `.env`."""
    return field(metadata={SETTING: Setting(default, description, example, secret, optional or secret)})


class Section:
    """A group of settings; its docstring's first line is the heading in `.env.example`.

    Each group is a frozen dataclass and not a model of Pydantic's: the parsers do all that is checked, and a third of a
    render would go to importing it.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, frozen=True)(cls)

    def __init__(self, **given: Any) -> None:
        """Values of the fields' types; what is not given is at its default."""
        vars(self).update({key: copy(each.default) for key, each in described(type(self))} | given)


def described(section: type[Section]) -> Iterator[tuple[str, Setting]]:
    """The keys of a group, in the order in which they are written."""
    for each in fields(section):
        yield each.name, each.metadata[SETTING]


class SiteSettings(Section):
    """The site"""

    SITE: values.SiteName = setting(
        "prefect-site", "Name of this site: Compose projects, network, volumes and labels begin with it.", "als"
    )
    COMPONENTS: values.Components = setting(
        ["server", "agent", "client"],
        f"What this machine runs, separated by spaces: {' '.join(KNOWN)}, or all.",
        "server agent client",
    )
    PREFECT_VERSION: values.PrefectVersion = setting(
        "3.9.1", "The one Prefect of server, workers, client and jobs; the version that the lock file names.", "3.9.1"
    )
    PREFECT_API_URL: values.ApiUrl = setting(
        "",
        "Only on a machine without the server: the API of the site as this machine reaches it. "
        "Empty: the server of this machine.",
        "http://prefect.example.org:4200/api",
        optional=True,
    )
    PREFECT_API_AUTH_STRING: values.Login = setting(
        "",
        "Login of API and UI, user:password, printable ASCII. Empty: one is made. "
        "On a machine without the server: the login of that server.",
        "admin:correct-horse-battery-staple",
        secret=True,
    )
    BASE_IMAGES: Annotated[str, values.one_of("auto", "pull", "build")] = setting(
        "auto",
        "Where base images come from: pull (a registry), build (distribution packages, needs Debian or Ubuntu and "
        "root), auto (pull, or build where no registry can be reached).",
        "build",
    )
    BASE_IMAGE_PYTHON: values.Image = setting(
        "python:3.11.15-slim-bookworm",
        "The image that the Prefect image is made from when pulled; a mirror's name goes here.",
        "mirror.example.org/python:3.11.15-slim-bookworm",
    )
    BASE_IMAGE_POSTGRES: values.Image = setting(
        "postgres:15.18-bookworm", "The PostgreSQL image when pulled.", "mirror.example.org/postgres:15.18-bookworm"
    )
    BASE_IMAGE_REDIS: values.Image = setting(
        "redis:7.2.12-bookworm", "The Redis image when pulled.", "mirror.example.org/redis:7.2.12-bookworm"
    )
    BASE_IMAGE_REGISTRY: values.Image = setting(
        "registry:2.8.3", "The image of the private registry when pulled.", "mirror.example.org/registry:2.8.3"
    )
    BASE_IMAGE_STORAGE: values.Image = setting(
        "chrislusf/seaweedfs:4.22",
        "The image of the S3 server when pulled.",
        "mirror.example.org/chrislusf/seaweedfs:4.22",
    )
    EXTRA_CA_BUNDLE: values.FilePath = setting(
        "",
        "File with the certificates (PEM) that builds trust. Empty: the ones this machine trusts.",
        "/etc/ssl/certs/ca-certificates.crt",
        optional=True,
    )
    SITE_LABELS: values.Labels = setting(
        {}, "More labels for containers, networks, volumes and images, NAME=VALUE.", "team=beamline", optional=True
    )


class ServerSettings(Section):
    """server/: API, UI, background services, database"""

    SERVER_BIND: values.BindAddress = setting(
        "127.0.0.1", "Address of this machine on which API and UI are served.", "127.0.0.1"
    )
    SERVER_PORT: values.Port = setting(4200, "Port of API and UI on this machine.", "4200")
    SERVER_CLEAR_LOGIN: values.Switch = setting(
        False,
        "true: API and UI are served beyond this machine although the login then travels in clear text. "
        "Needed for a SERVER_BIND that is not loopback.",
        "true",
    )
    SERVER_UI_API_URL: values.BrowserUrl = setting(
        "",
        "The API as a browser reaches it, where that is not the host and port above (behind a proxy of your own).",
        "https://prefect.example.org/api",
        optional=True,
    )
    SERVER_AUTH: values.Switch = setting(
        True, "false: API and UI ask for no login; anybody who reaches the port can run code here.", "true"
    )
    SERVER_WORKERS: values.Count = setting(1, "Processes that answer API requests (1 with sqlite).", "2")
    SERVER_DATABASE: Annotated[str, values.one_of("postgres", "sqlite")] = setting(
        "postgres", "postgres (with Redis; for every real site) or sqlite (one container, for a try).", "postgres"
    )
    SERVER_DATABASE_NAME: values.Identifier = setting("prefect", "Name of the PostgreSQL database.", "prefect")
    SERVER_DATABASE_USER: values.Identifier = setting("prefect", "User of the PostgreSQL database.", "prefect")
    SERVER_DATABASE_PASSWORD: values.Secret = setting(
        "", "Password of the PostgreSQL user. Empty: one is made.", "'any $printable \"text\"'", secret=True
    )
    SERVER_REDIS_PASSWORD: values.Secret = setting(
        "", "Password of Redis. Empty: one is made.", "'any $printable \"text\"'", secret=True
    )
    MAX_CRASH_RETRIES: Annotated[int, values.whole_number(0, 100, "this")] = setting(
        2,
        "Times that a run is run again after it crashed: its process, container, worker or engine was killed, or its "
        "container could not start. 0: it stays Crashed.",
        "5",
    )
    SERVER_RETENTION_DAYS: Annotated[int, values.whole_number(0, 36500, "this")] = setting(
        90, "Flow runs that ended longer ago, with logs and artifacts, are deleted. 0: kept for ever.", "30"
    )


class RegistrySettings(Section):
    """registry/: the private image registry"""

    REGISTRY_HOST: values.HostName = setting(
        "registry",
        "Name of the registry, and with the port the beginning of its images' names: the same on every machine and "
        "in every container of the site. Where nothing else resolves it, `make trust-registry` does.",
        "registry.example.org",
    )
    REGISTRY_PORT: values.Port = setting(5000, "Port of the registry, inside its container as well.", "5000")
    REGISTRY_BIND: values.BindAddress = setting(
        "127.0.0.1",
        "Address of this machine on which the registry is served; 0.0.0.0 where engines of other machines use it.",
        "0.0.0.0",
    )
    REGISTRY_USER: values.RegistryUser = setting("prefect", "User with whom the site pushes and pulls.", "prefect")
    REGISTRY_PASSWORD: values.RegistryPassword = setting(
        "",
        "Password of that user, 72 bytes at most. Empty: one is made. On a machine without the registry: the "
        "password of that registry.",
        "'any $printable \"text\"'",
        secret=True,
    )
    REGISTRY_USERS: values.RegistryUsers = setting(
        {},
        "More users, USER:PASSWORD, separated by spaces; in a password %20 stands for a space and %25 for %.",
        "alice:correct%20horse bob:battery-staple",
        secret=True,
    )
    REGISTRY_HTTP_SECRET: values.Secret = setting(
        "", "Signs uploads that are under way. Empty: one is made.", "any-text", secret=True
    )
    REGISTRY_TLS: values.Switch = setting(
        True,
        "false: passwords and images travel in clear text, and every engine beyond this machine has to be told that "
        "it may (registry/README.md).",
        "true",
    )
    REGISTRY_CERTIFICATE: values.FilePath = setting(
        "",
        "Certificate of your own for REGISTRY_HOST (PEM, with its chain). Empty: one is made, with a CA of the site.",
        "/etc/ssl/registry/fullchain.pem",
        optional=True,
    )
    REGISTRY_KEY: values.FilePath = setting(
        "", "Key of that certificate (PEM, without a password).", "/etc/ssl/registry/privkey.pem", optional=True
    )
    REGISTRY_CA: values.FilePath = setting(
        "",
        "CA of a certificate of your own, or of a registry on another machine, that engines do not know already "
        "(PEM). A registry that render made: .site/ca/ca.crt of its machine.",
        "/etc/ssl/registry/ca.pem",
        optional=True,
    )
    REGISTRY_DELETE: values.Switch = setting(True, "false: nothing can be deleted from the registry.", "true")


class StorageSettings(Section):
    """storage/: the S3 server, or one of your own, for CLIENT_STORAGE=s3"""

    STORAGE_S3_URL: values.S3Url = setting(
        "",
        "An S3 server that is no component of this machine, as containers reach it. Empty: the component storage.",
        "https://s3.eu-central-1.amazonaws.com",
        optional=True,
    )
    STORAGE_REGION: values.Region = setting(
        "us-east-1", "Region of the bucket; servers other than Amazon's mostly ask for none.", "eu-central-1"
    )
    STORAGE_BUCKET: values.Bucket = setting(
        "prefect", "Bucket for flow code and results; registration makes it where there is none.", "als-prefect"
    )
    STORAGE_ACCESS_KEY: values.S3Key = setting("prefect", "Access key, the name of the user.", "prefect")
    STORAGE_SECRET_KEY: values.S3Key = setting(
        "",
        "Secret key of that user. Empty: one is made. For a server of your own: the one that it knows.",
        "any-letters-and-digits/+=_.-",
        secret=True,
    )
    STORAGE_VERSIONS: Annotated[int, values.whole_number(1, 1000, "this")] = setting(
        10, "Versions of the flow code that registration leaves in the bucket, the present one among them.", "10"
    )
    STORAGE_BIND: values.BindAddress = setting(
        "127.0.0.1", "Address of this machine on which the component storage is served, without TLS.", "127.0.0.1"
    )
    STORAGE_PORT: values.Port = setting(8333, "Port of the component storage on this machine.", "8333")


class AgentSettings(Section):
    """agent/: process workers"""

    AGENT_POOLS: values.ProcessPools = setting(
        ["agent"],
        "Which process workers the site has, each kind with a pool and deployments of its own, separated by spaces: "
        "agent (your flows), parent (chains of steps), conda (scripts in environments), slurm (jobs on a cluster).",
        "agent parent conda slurm",
    )
    AGENT_POOL: values.PoolName = setting("agent_pool", "Work pool that the process workers serve.", "agent_pool")
    AGENT_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    AGENT_LIMIT: values.Count = setting(4, "Runs that one worker takes at a time.", "4")
    AGENT_QUERY_SECONDS: Annotated[int, values.whole_number(1, 300, "this")] = setting(
        2, "Seconds between two questions of a worker for new runs.", "2"
    )
    AGENT_STOP_SECONDS: Annotated[int, values.whole_number(1, 86400, "this")] = setting(
        60, "Seconds that a stopping worker gives its runs to end.", "600"
    )
    AGENT_HEALTH_PORT: values.Port = setting(
        8080,
        "Port of a worker's health check: inside its container, where nothing else sees it; where workers run as "
        "processes, on loopback from this number on, one each.",
        "8080",
    )
    AGENT_IMAGE: values.Image = setting(
        "",
        "Image of workers and registrar, where your flows need packages that the image of this bundle has not; "
        "build it FROM that one (agent/README.md).",
        "registry.example.org/flows:1.4.2",
        optional=True,
    )


class ParentSettings(Section):
    """agent/, service parent: chains of steps"""

    PARENT_POOL: values.PoolName = setting("parent_pool", "Work pool of the parent flow's runs.", "parent_pool")
    PARENT_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale parent=N wins.", "2")
    PARENT_LIMIT: values.Count = setting(
        8, "Runs that one worker takes at a time. Each waits for its steps, and does little else.", "20"
    )
    PARENT_HPC_TYPE: values.AnyText = setting(
        "als", "Where steps run that name no hpc_type: one of PARENT_SITES, or conda, slurm, docker, podman.", "nersc"
    )
    PARENT_SITES: values.ByName = setting(
        {"nersc": "slurm", "nsls-ii": "podman", "als": "docker"},
        "The environment of each hpc_type, NAME=ENVIRONMENT, separated by commas.",
        "nersc=slurm,nsls-ii=podman,als=docker,max-iv=slurm",
    )
    PARENT_CATALOGUE: values.AnyPath = setting(
        "catalogue.yml",
        "File with the algorithms that steps name, absolute or beside this file (client/README.md, "
        "catalogue.example.yml). Where the default one is not there, the example holds.",
        "als.catalogue.yml",
    )
    PARENT_VOLUMES: values.Words = setting(
        ["/srv/site/results:/app/results"],
        "What the containers of steps mount, SOURCE:TARGET or SOURCE:TARGET:ro, separated by spaces: parts of "
        "/srv/site/results and /srv/site/work, and folders of DOCKER_BIND_PATHS.",
        "/srv/site/results:/app/results /srv/site/work:/scratch",
        optional=True,
    )
    PARENT_NETWORK: values.AnyText = setting(
        "", "Network that the containers of steps join. Empty: the site's own.", "lab", optional=True
    )


class CondaSettings(Section):
    """agent/, service conda: scripts in conda environments"""

    CONDA_POOL: values.PoolName = setting("conda_pool", "Work pool of scripts in conda environments.", "conda_pool")
    CONDA_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale conda=N wins.", "2")
    CONDA_LIMIT: values.Count = setting(2, "Scripts that one worker runs at a time.", "4")
    CONDA_EXE: values.Installation = setting(
        "",
        "conda, mamba or micromamba of this machine, with environments in envs/ of the folder above its own; that "
        "folder is mounted into the worker, at the same path. Empty: the one on the worker's PATH.",
        "/opt/miniforge3/bin/conda",
        optional=True,
    )
    CONDA_IMAGE: values.Image = setting(
        "",
        "Image of the worker with conda and environments in it (agent/README.md). Empty: that of all process workers.",
        "registry.example.org/flows-conda:1.0.0",
        optional=True,
    )
    CONDA_ALGORITHMS: values.MountedPath = setting(
        "",
        "Folder of this machine that has a folder for each algorithm. Empty: client/algorithms.",
        "/srv/algorithms",
        optional=True,
    )
    CONDA_ENVIRONMENTS: values.ByName = setting(
        {},
        "Environments with other names here than in the catalogue, ALGORITHM=ENVIRONMENT, separated by commas.",
        "pca=mlex_dimension_reduction_pca",
        optional=True,
    )


class SlurmSettings(Section):
    """agent/, service slurm: jobs on a cluster; paths are the cluster's"""

    SLURM_POOL: values.PoolName = setting("slurm_pool", "Work pool of jobs on a cluster.", "slurm_pool")
    SLURM_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale slurm=N wins.", "2")
    SLURM_LIMIT: values.Count = setting(20, "Jobs that one worker follows at a time.", "50")
    SLURM_HOST: values.AnyText = setting(
        "",
        "Login node, USER@HOST or USER@HOST:PORT. Empty: Slurm's commands where the worker runs.",
        "svc-lab@login.example.org",
        optional=True,
    )
    SLURM_SSH_KEY: values.FilePath = setting(
        "",
        "Private key for it, without a passphrase; the worker gets it as a secret file. Empty: what the worker's "
        "user has.",
        "/etc/site/slurm_ed25519",
        optional=True,
    )
    SLURM_KNOWN_HOSTS: values.FilePath = setting(
        "",
        "File with the login node's host key, as ssh-keyscan prints it. Empty: the known hosts of the worker's user.",
        "/etc/site/slurm_known_hosts",
        optional=True,
    )
    SLURM_IMAGE: values.Image = setting(
        "",
        "Image of the worker with Slurm's own commands, where there is no login node. Empty: that of all process "
        "workers, which has ssh.",
        "registry.example.org/slurm-client:1.0.0",
        optional=True,
    )
    SLURM_ALGORITHMS: values.FilePath = setting(
        "/srv/site/algorithms", "Folder that has a folder for each algorithm.", "/global/common/lab/algorithms"
    )
    SLURM_WORK_DIR: values.AnyText = setting(
        "",
        "Folder for scripts and output of jobs, shared by login and compute nodes. Empty: ~/prefect-site.",
        "/pscratch/sd/l/lab/prefect-site",
        optional=True,
    )
    SLURM_NODES: values.Count = setting(1, "Nodes of a job.", "2")
    SLURM_PARTITIONS: values.Words = setting(
        [], "Partitions, separated by spaces; Slurm takes the one that can begin first.", "debug regular", optional=True
    )
    SLURM_RESERVATIONS: values.Words = setting([], "Reservations, likewise.", "beamtime_1 beamtime_2", optional=True)
    SLURM_MAX_TIME: values.AnyText = setting("1:00:00", "Time limit of a job.", "2-12:00:00")
    SLURM_OPTIONS: values.Options = setting(
        [], "More options of sbatch, separated by spaces.", "--account=m1234 --qos=regular", optional=True
    )
    SLURM_PROLOGUE: values.AnyText = setting(
        "", "Shell commands that a job begins with.", "module load conda", optional=True
    )
    SLURM_POLL_SECONDS: Annotated[int, values.whole_number(1, 3600, "this")] = setting(
        5, "Seconds between two looks at a job.", "10"
    )


class DockerSettings(Section):
    """worker-docker/: Docker workers on this machine's engine (DooD)"""

    DOCKER_POOL: values.PoolName = setting(
        "docker_pool",
        "Work pool of these workers. A pool belongs to one engine: on a second machine choose another name.",
        "docker_pool_b",
    )
    DOCKER_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    DOCKER_LIMIT: values.Count = setting(4, "Flow containers that one worker runs at a time.", "4")
    DOCKER_QUERY_SECONDS: Annotated[int, values.whole_number(1, 300, "this")] = setting(
        1, "Seconds between two questions of a worker for new runs.", "1"
    )
    DOCKER_SOCKET: values.MountedPath = setting(
        "/var/run/docker.sock", "The engine's socket on this machine.", "/run/user/1000/docker.sock"
    )
    DOCKER_PROXY: values.Switch = setting(
        True,
        "The workers reach the engine through a proxy that refuses what no flow needs. false: they get the socket "
        "itself, which is root on this machine.",
        "true",
    )
    DOCKER_JOB_IMAGE: values.Image = setting(
        "",
        "Image of flow containers whose deployment names none. Empty: the one of this bundle.",
        "registry.example.org/flows:1.4.2",
        optional=True,
    )
    DOCKER_IMAGES: values.ImagePatterns = setting(
        [],
        "More images that flows may run, with /* for all below a name, separated by spaces. The images of this "
        "bundle and of the site's registry, AGENT_IMAGE and DOCKER_JOB_IMAGE are always allowed.",
        "registry.example.org/lab/*",
        optional=True,
    )
    DOCKER_BIND_PATHS: values.Folders = setting(
        [],
        "Folders of this machine that flow containers may mount, absolute, separated by spaces.",
        "/srv/data",
        optional=True,
    )
    DOCKER_JOB_MEMORY: values.Memory = setting(
        "2g", "Memory of one flow container; a run that needs more ends as out of memory.", "512m"
    )
    DOCKER_JOB_CPUS: values.Cpus = setting("1", "Processor cores of one flow container.", "0.5")
    DOCKER_GPUS: values.Switch = setting(
        False, "Containers that a flow launches may ask for the GPUs of the engine's machine.", "true"
    )


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


class PodmanSettings(Section):
    """worker-podman/: workers that make containers on Podman"""

    PODMAN_POOL: values.PoolName = setting(
        "podman_pool",
        "Work pool of these workers; what their flow containers are like is said by DOCKER_JOB_IMAGE and the like.",
        "podman_pool_b",
    )
    PODMAN_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    PODMAN_LIMIT: values.Count = setting(4, "Flow containers that one worker runs at a time.", "4")
    PODMAN_SOCKET: values.MountedPath = setting(
        "",
        "Socket of this machine's own Podman, rootful or rootless, where the component runs on that Podman too "
        "(worker-podman/README.md). Empty: a Podman in a container beside the workers.",
        "/run/podman/podman.sock",
        optional=True,
    )


class ClientSettings(Section):
    """client/: flows and their registration"""

    CLIENT_STORAGE: Annotated[str, values.one_of("volume", "s3", "image")] = setting(
        "volume",
        "Where flow code and results are kept: volume (of this engine), s3 (a bucket), or image (the code of Docker "
        "deployments in their image, the rest on the volume).",
        "s3",
    )
    CLIENT_CONCURRENCY_LIMITS: values.Limits = setting(
        {"weather-stations": 4},
        "Global concurrency limits that registration makes, NAME=SLOTS, separated by commas.",
        "weather-stations=4,licences=2",
        optional=True,
    )
    CLIENT_SCHEDULES: values.AnyPath = setting(
        "schedules.yml",
        "File with the schedules of deployments, absolute or beside this file (client/README.md, "
        "schedules.example.yml). The default one need not be there.",
        "als.schedules.yml",
    )
    CLIENT_WAIT_SECONDS: Annotated[int, values.whole_number(1, 3600, "this")] = setting(
        120, "Seconds that registration waits for the API.", "120"
    )


class KubernetesSettings(Section):
    """kubernetes/: values for Prefect's Helm charts"""

    KUBERNETES_VALUES: values.Switch = setting(
        False, "true: render writes kubernetes/, the values of server and process workers (docs/kubernetes.md).", "true"
    )
    KUBERNETES_IMAGE: values.Image = setting(
        "",
        "Image of all pods, made FROM prefecthq/prefect of this version, with your flows and what they import. "
        "Empty: that image itself.",
        "registry.example.org/flows:3.9.1-1",
        optional=True,
    )
    KUBERNETES_DATABASE_HOST: values.HostOrAddress = setting(
        "postgres", "The PostgreSQL server, as pods reach it.", "postgres.databases.svc.cluster.local"
    )
    KUBERNETES_REDIS_HOST: values.HostOrAddress = setting(
        "redis", "The Redis server, as pods reach it.", "redis.databases.svc.cluster.local"
    )


SECTIONS: tuple[type[Section], ...] = (
    SiteSettings,
    ServerSettings,
    RegistrySettings,
    StorageSettings,
    AgentSettings,
    ParentSettings,
    CondaSettings,
    SlurmSettings,
    DockerSettings,
    DindSettings,
    PodmanSettings,
    ClientSettings,
    KubernetesSettings,
)


class Settings(
    SiteSettings,
    ServerSettings,
    RegistrySettings,
    StorageSettings,
    AgentSettings,
    ParentSettings,
    CondaSettings,
    SlurmSettings,
    DockerSettings,
    DindSettings,
    PodmanSettings,
    ClientSettings,
    KubernetesSettings,
):
    """All settings of one site, checked one by one; `stack.rules` checks them against each other."""


KEYS = dict(described(Settings))
PARSERS = {each.name: each.type.__metadata__[0] for each in fields(Settings)}  # type: ignore[union-attr]


def is_secret(key: str) -> bool:
    return KEYS[key].secret


def load(env: EnvFile) -> Settings:
    """The settings; raises SiteError with every fault of a single value."""
    settings, faults = examine(env)
    if faults:
        raise SiteError(*faults.values())
    return settings


def examine(env: EnvFile) -> tuple[Settings, dict[str, str]]:
    """The settings, wrong ones at their defaults, and the line to print for each key that is unknown or wrong."""
    parsed: dict[str, Any] = {}
    faults = {key: _unknown(env, key) for key in env.assignments if key not in KEYS}
    for key, value in env.values().items():
        if key in KEYS:
            try:
                parsed[key] = _parsed(key, value)
            except ValueError as error:
                faults[key] = fault(env, key, str(error))
    return Settings(**parsed), faults


def _parsed(key: str, value: str) -> Any:
    if not value.strip() and not KEYS[key].optional:
        raise ValueError("a value is missing")
    return PARSERS[key](value)


def fault(env: EnvFile, key: str, reason: str, instead: str | None = None) -> str:
    """One line: file, line, what is written there, the rule, and what to write instead: the example, or `instead`."""
    assignment = env.assignments.get(key)
    value = assignment.value if assignment else ""
    if value and (is_secret(key) or len(value) > MAX_SHOWN):
        value = "..."
    advice = KEYS[key].example if instead is None else instead
    return f"{env.where(key)}: {key}={value}: {reason}; write for example {key}={advice}"


def _unknown(env: EnvFile, key: str) -> str:
    close = nearest(key, list(KEYS))
    advice = f"did you mean {close}?" if close else "delete the line; .env.example lists every setting"
    return f"{env.where(key)}: {key} is no setting; {advice}"
