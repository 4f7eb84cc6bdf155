"""agent/: process workers, for flows of any kind, chains of steps, conda environments and clusters."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

from stack.components import heartbeats, processworkers, storage
from stack.components.component import Component, Secrets
from stack.components.flows import FLOW_SOURCES, PUBLISH_MEMORY, RUN_MEMORY, WAITING_RUN_MEMORY, memory_of_runs
from stack.components.server import login
from stack.load import pem, textfile
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, setting

# What AGENT_POOLS may name: the pools whose runs are processes; each has its own workers.
POOLS = tuple(processworkers.KINDS)
WORKER_PORTS = ("COMPONENTS", "AGENT_POOLS", "AGENT_HEALTH_PORT", *(f"{name.upper()}_REPLICAS" for name in POOLS))


class AgentSettings(Section):
    """agent/: process workers"""

    AGENT_POOLS: Annotated[list[str], values.some_of("pool", POOLS)] = setting(
        ["agent"],
        "Kinds of process workers of the site, separated by spaces; each has its own pool and deployments: "
        "agent (your flows), parent (chains of steps), conda (scripts in environments), slurm (jobs on a cluster).",
        "agent parent conda slurm",
    )
    AGENT_POOL: values.PoolName = setting("agent_pool", "Work pool of the process workers.", "agent_pool")
    AGENT_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale worker=N wins.", "3")
    AGENT_LIMIT: values.Count = setting(4, "Runs that one worker executes at the same time.", "4")
    AGENT_QUERY_SECONDS: Annotated[int, values.whole_number(1, 300, "this")] = setting(
        2, "Seconds between a worker's requests for new runs.", "2"
    )
    AGENT_STOP_SECONDS: Annotated[int, values.whole_number(1, 86400, "this")] = setting(
        60, "Seconds that a stopping worker waits for its runs to end.", "600"
    )
    AGENT_HEALTH_PORT: values.Port = setting(
        8080,
        "Port of a worker's health check, inside its container. If workers run as processes, each takes a port of "
        "127.0.0.1, counted from this one.",
        "8080",
    )
    AGENT_IMAGE: values.Image = setting(
        "",
        "Image of workers and registrar, if your flows need packages that the bundle's image lacks; "
        "build it FROM that image (agent/README.md). Empty: the bundle's image.",
        "registry.example.org/flows:1.4.2",
        optional=True,
    )


class ParentSettings(Section):
    """agent/, service parent: chains of steps"""

    PARENT_POOL: values.PoolName = setting("parent_pool", "Work pool of the parent flow's runs.", "parent_pool")
    PARENT_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale parent=N wins.", "2")
    PARENT_LIMIT: values.Count = setting(
        8, "Runs that one worker executes at the same time. A run mostly waits for its steps.", "20"
    )
    PARENT_HPC_TYPE: values.AnyText = setting(
        "als", "hpc_type of steps without one: a name in PARENT_SITES, or conda, slurm, docker, podman.", "nersc"
    )
    PARENT_SITES: values.ByName = setting(
        {"nersc": "slurm", "nsls-ii": "podman", "als": "docker"},
        "The environment of each hpc_type, NAME=ENVIRONMENT, separated by commas.",
        "nersc=slurm,nsls-ii=podman,als=docker,max-iv=slurm",
    )
    PARENT_CATALOGUE: values.AnyPath = setting(
        "catalogue.yml",
        "File with the algorithms that steps name, absolute or relative to the folder of .env (client/README.md). "
        "If the default file does not exist, catalogue.example.yml is used.",
        "als.catalogue.yml",
    )
    PARENT_VOLUMES: values.Words = setting(
        ["/srv/site/results:/app/results"],
        "Mounts of step containers, SOURCE:TARGET or SOURCE:TARGET:ro, separated by spaces. A source is in "
        "/srv/site/results, in /srv/site/work, or in a folder of DOCKER_BIND_PATHS.",
        "/srv/site/results:/app/results /srv/site/work:/scratch",
        optional=True,
    )
    PARENT_NETWORK: values.AnyText = setting(
        "", "Network of step containers. Empty: the site's network.", "lab", optional=True
    )


class CondaSettings(Section):
    """agent/, service conda: scripts in conda environments"""

    CONDA_POOL: values.PoolName = setting("conda_pool", "Work pool of scripts in conda environments.", "conda_pool")
    CONDA_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale conda=N wins.", "2")
    CONDA_LIMIT: values.Count = setting(2, "Scripts that one worker runs at the same time.", "4")
    CONDA_EXE: values.Installation = setting(
        "",
        "Path of conda, mamba or micromamba on this machine, ROOT/bin/NAME, with the environments in ROOT/envs. "
        "The worker mounts ROOT at the same path. Empty: the one on the worker's PATH.",
        "/opt/miniforge3/bin/conda",
        optional=True,
    )
    CONDA_IMAGE: values.Image = setting(
        "",
        "Worker image with conda and its environments (agent/README.md). Empty: the image of all process workers.",
        "registry.example.org/flows-conda:1.0.0",
        optional=True,
    )
    CONDA_ALGORITHMS: values.MountedPath = setting(
        "",
        "Folder of this machine with a subfolder for each algorithm. Empty: client/algorithms.",
        "/srv/algorithms",
        optional=True,
    )
    CONDA_ENVIRONMENTS: values.ByName = setting(
        {},
        "Environments whose names here differ from the catalogue: ALGORITHM=ENVIRONMENT, separated by commas.",
        "pca=mlex_dimension_reduction_pca",
        optional=True,
    )


class SlurmSettings(Section):
    """agent/, service slurm: jobs on a cluster; paths are the cluster's"""

    SLURM_POOL: values.PoolName = setting("slurm_pool", "Work pool of jobs on a cluster.", "slurm_pool")
    SLURM_REPLICAS: values.Count = setting(1, "Workers that `docker compose up` starts; --scale slurm=N wins.", "2")
    SLURM_LIMIT: values.Count = setting(20, "Jobs that one worker follows at the same time.", "50")
    SLURM_HOST: values.AnyText = setting(
        "",
        "Login node, USER@HOST or USER@HOST:PORT. Empty: the worker runs Slurm's commands itself, without SSH.",
        "svc-lab@login.example.org",
        optional=True,
    )
    SLURM_SSH_KEY: values.FilePath = setting(
        "",
        "Private key for the login node, without a passphrase; the worker gets it as a secret file. Empty: the keys "
        "of the worker's user.",
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
        "Worker image that contains Slurm's commands, for use without a login node. Empty: the image of all process "
        "workers, which contains ssh.",
        "registry.example.org/slurm-client:1.0.0",
        optional=True,
    )
    SLURM_ALGORITHMS: values.FilePath = setting(
        "/srv/site/algorithms", "Folder with a subfolder for each algorithm.", "/global/common/lab/algorithms"
    )
    SLURM_WORK_DIR: values.AnyText = setting(
        "",
        "Folder for scripts and output of jobs, shared by login and compute nodes. Empty: ~/prefect-site.",
        "/pscratch/sd/l/lab/prefect-site",
        optional=True,
    )
    SLURM_NODES: values.Count = setting(1, "Nodes of a job.", "2")
    SLURM_PARTITIONS: values.Words = setting(
        [],
        "Partitions, separated by spaces; Slurm uses the one that can start the job first.",
        "debug regular",
        optional=True,
    )
    SLURM_RESERVATIONS: values.Words = setting(
        [], "Reservations, separated by spaces.", "beamtime_1 beamtime_2", optional=True
    )
    SLURM_MAX_TIME: values.AnyText = setting("1:00:00", "Time limit of a job.", "2-12:00:00")
    SLURM_OPTIONS: values.Options = setting(
        [], "Additional options of sbatch, separated by spaces.", "--account=m1234 --qos=regular", optional=True
    )
    SLURM_PROLOGUE: values.AnyText = setting(
        "", "Shell commands that run at the start of a job.", "module load conda", optional=True
    )
    SLURM_POLL_SECONDS: Annotated[int, values.whole_number(1, 3600, "this")] = setting(
        5, "Seconds between two checks of a job.", "10"
    )


def every_worker_has_a_port(settings: Settings) -> Iterator[Fault]:
    workers = ports(settings)
    if workers and workers[-1] > 65535:
        yield Fault(
            "AGENT_HEALTH_PORT", f"{len(workers)} workers need ports up to {workers[-1]}, and 65535 is the last"
        )


def a_key_is_for_a_host(settings: Settings) -> Iterator[Fault]:
    for key in ("SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS"):
        if getattr(settings, key) and not settings.SLURM_HOST:
            reason = "SLURM_HOST is empty, so this file is not used; set SLURM_HOST to the login node, or leave it out"
            yield Fault(key, reason, instead="")


def a_key_can_be_used(settings: Settings) -> Iterator[Fault]:
    path = settings.SLURM_SSH_KEY
    if path and textfile.exists(Path(path), "in SLURM_SSH_KEY") and (reason := _key_fault(path)):
        yield Fault("SLURM_SSH_KEY", reason)


def _key_fault(path: str) -> str:
    try:
        return pem.ssh_key_fault(Path(path).read_bytes())
    except OSError as error:
        return f"this file cannot be read ({error.strerror})"


RULES: Rules = {
    every_worker_has_a_port: WORKER_PORTS,
    a_key_is_for_a_host: ("SLURM_HOST", "SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS"),
    a_key_can_be_used: ("SLURM_SSH_KEY",),
}


def workers(settings: Settings) -> list[processworkers.ProcessWorkers]:
    return processworkers.of_site(settings)


def here(settings: Settings) -> list[processworkers.ProcessWorkers]:
    """The process workers that run on this machine."""
    return workers(settings) if AGENT.is_in(settings) else []


def ports(settings: Settings) -> range:
    """The ports of the health checks of workers that run as processes."""
    first = settings.AGENT_HEALTH_PORT
    return range(first, first + sum(each.replicas for each in here(settings)))


def files_for_ssh(settings: Settings) -> dict[str, str]:
    """The files with which workers log in to a cluster, copied from the user's files."""
    secrets = {secret.name: Path(secret.origin) for each in here(settings) for secret in each.secrets}
    return {name: textfile.read(path, "file for SSH", "in .env") for name, path in secrets.items()}


def sources(settings: Settings) -> list[str]:
    """The paths in this repository that only these workers read."""
    algorithms = processworkers.ALGORITHMS
    return [given.path for each in here(settings) for given in each.files if given.path == algorithms]


def run_environment(settings: Settings) -> dict[str, str]:
    """Environment variables of every run of a process worker."""
    return heartbeats.RUN_ENVIRONMENT | storage.run_environment(settings)


def secrets(settings: Settings) -> Secrets:
    return Secrets(login(settings) | files_for_ssh(settings))


AGENT = Component(
    noun="agent",
    name="agent",
    folder=processworkers.FOLDER,
    images=("flows",),
    sources=(*FLOW_SOURCES, "agent/process_worker.py"),
    sample="weather/weather",
    runs_flows=True,
    services=frozenset({"worker", "parent", "conda", "slurm"}),
    memory={
        "flows": PUBLISH_MEMORY,
        "worker": partial(memory_of_runs, "AGENT_LIMIT", RUN_MEMORY),
        "parent": partial(memory_of_runs, "PARENT_LIMIT", WAITING_RUN_MEMORY),
        "conda": partial(memory_of_runs, "CONDA_LIMIT", RUN_MEMORY),
        "slurm": partial(memory_of_runs, "SLURM_LIMIT", WAITING_RUN_MEMORY),
    },
    templates=("base-job-template.json", "catalogue.yml", "config.yml"),
    sections=(AgentSettings, ParentSettings, CondaSettings, SlurmSettings),
    rules=RULES,
    secrets=secrets,
    seen=(workers, run_environment),
)
