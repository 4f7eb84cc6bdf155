"""Sites of every variant, as the real Compose reads them."""

import itertools
import json
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stack.cli import main
from stack.components.all import ALL
from stack.components.processworkers import ALGORITHMS
from stack.core.files import CLOSED_FOLDERS
from tests import sites
from tests.keys import private_key

Config = dict[str, Any]
_KEYS = tempfile.TemporaryDirectory()  # as long as the tests run
SSH_KEY = Path(_KEYS.name) / "id"
SSH_KEY.write_bytes(private_key())
Choices = tuple[dict[str, str], ...]

SECRETS = {
    "PREFECT_API_AUTH_STRING": "admin:a-login-that-stands-nowhere",
    "SERVER_DATABASE_PASSWORD": "postgres-password-that-stands-nowhere",
    "SERVER_REDIS_PASSWORD": "redis-password-that-stands-nowhere",
}
WITH_SERVER = ("server", "server agent", "server client", "server agent client", "server worker-docker", "all")
WITHOUT_SERVER = ("agent", "client", "agent client", "worker-docker", "worker-dind", "worker-podman")
REMOTE = {"PREFECT_API_URL": "https://prefect.example.org:4200/api"}
OWN_IMAGE = {"AGENT_IMAGE": "registry.example.org:5000/site/flows:1.4.2"}
# Each is something else than a string, or ends the line, for a reader of YAML, of Compose or of a shell.
LABELS = {
    "number": "0x1F", "null": "null", "yes": "yes", "dollar": "$HOME ${x:?no} $$ $(id)", "quotes": "it's \"so\"",
    "backslash": "a\\nb\\", "colon": "a: b", "hash": "a # b", "braces": "{{ a }} {% b %} [c]", "empty": "",
    "star": "*a &b !c", "script": "Zürich 密 🔑", "team": "a=b=c",
}  # fmt: skip
ODD = (
    *({"SITE": name} for name in ("1", "true", "null", "y", "on", "0x1f", "1e3", "2024-01-01", "a" * 40)),
    {"SITE_LABELS": ",".join(f"{name}={value}" for name, value in LABELS.items())},
    {"SERVER_RETENTION_DAYS": "0"},
    {"COMPONENTS": "all", "DOCKER_PROXY": "false"},
    {
        "COMPONENTS": "all",
        "DOCKER_BIND_PATHS": "/srv/data /data/a$b",
        "DOCKER_IMAGES": "registry.example.org:5000/lab/*",
    },
    {"COMPONENTS": "server worker-docker", "DOCKER_REPLICAS": "3", "DOCKER_JOB_CPUS": "0.5", "DOCKER_JOB_MEMORY": "1g"},
    {"COMPONENTS": "server worker-dind client", "DIND_REPLICAS": "3", "DOCKER_PROXY": "false"},
    {"COMPONENTS": "server worker-dind", "DIND_ROOTLESS": "true", "DIND_SUBNET": "172.30.0.0/20"},
    {"COMPONENTS": "worker-dind", "REGISTRY_PASSWORD": "registry-password", "REGISTRY_TLS": "false"} | REMOTE,
    {"COMPONENTS": "server worker-podman client", "PODMAN_REPLICAS": "3", "DOCKER_BIND_PATHS": "/srv/data"},
    {
        "COMPONENTS": "server agent worker-podman client",
        "PODMAN_SOCKET": "/run/user/1000/podman/podman.sock",
        "DOCKER_BIND_PATHS": "/srv/data",
    },
    {"COMPONENTS": "worker-podman", "REGISTRY_PASSWORD": "registry-password", "REGISTRY_TLS": "false"} | REMOTE,
    {"SERVER_RETENTION_DAYS": "0", "SERVER_DATABASE": "sqlite"},
    {"KUBERNETES_VALUES": "true", "COMPONENTS": "all"},
    {"KUBERNETES_VALUES": "true", "SERVER_DATABASE": "sqlite", "SERVER_AUTH": "false"},
    {"SERVER_UI_API_URL": "https://prefect.example.org/a$b+c/api"},
    {"SERVER_DATABASE_NAME": "null", "SERVER_DATABASE_USER": "yes"},
    {"AGENT_POOL": "1.0", "AGENT_IMAGE": "1:30"},
    {"AGENT_REPLICAS": "50", "AGENT_LIMIT": "100", "AGENT_HEALTH_PORT": "9000", "AGENT_STOP_SECONDS": "86400"},
    {
        "AGENT_POOLS": "agent parent conda slurm",
        "PARENT_REPLICAS": "2",
        "CONDA_EXE": "/opt/mini$forge/bin/conda",
        "SLURM_HOST": "me@login",
        "SLURM_SSH_KEY": str(SSH_KEY),
        "SLURM_KNOWN_HOSTS": str(sites.REPO / "LICENSE"),
        "SLURM_PROLOGUE": "export A=$HOME; module load 'conda'",
    },
    {"COMPONENTS": "agent", "AGENT_POOLS": "slurm conda", "SERVER_AUTH": "false", "CONDA_IMAGE": "conda:1"} | REMOTE,
    {"CLIENT_CONCURRENCY_LIMITS": ""},
    {"CLIENT_CONCURRENCY_LIMITS": "null=1,1.0=2,yes=3"},
    {"COMPONENTS": "server storage agent worker-docker client", "CLIENT_STORAGE": "s3"},
    {
        "CLIENT_STORAGE": "s3",
        "STORAGE_S3_URL": "https://s3.example.org",
        "STORAGE_SECRET_KEY": "key-that-stands-nowhere",
    },
    {"COMPONENTS": "server worker-docker worker-podman client", "CLIENT_STORAGE": "image"},
    {"BASE_IMAGE_REDIS": "[::1]:5000/redis:7.2.12"},
)


@dataclass(frozen=True)
class Variant:
    """A rendered site and its Compose files as Compose reads them, by component."""

    settings: dict[str, str]
    root: Path
    configs: dict[str, Config] = field(default_factory=dict)

    @property
    def site(self) -> str:
        return self.settings.get("SITE", "prefect-site")

    def services(self) -> Iterator[tuple[str, str, Config]]:
        """Component, name and definition of every service."""
        for component, config in self.configs.items():
            for name, service in config["services"].items():
                yield component, name, service

    def texts(self) -> dict[str, str]:
        """Rendered files that are not secret, by path, without copies of sources."""
        record = (self.root / ".site/rendered").read_text(encoding="utf-8").splitlines()
        copied = ("images/", ALGORITHMS, *(source for component in ALL for source in component.sources))
        public = [path for path in record if Path(path).parent.name not in CLOSED_FOLDERS]
        paths = [path for path in public if not path.startswith(copied)]
        return {path: (self.root / path).read_text(encoding="utf-8") for path in paths}


def all_settings() -> Iterator[dict[str, str]]:
    """Every variant that a template tells apart, with every other, and some that are odd."""
    binds: Choices = (
        {},
        {"SERVER_BIND": "::1"},
        {"SERVER_BIND": "0.0.0.0", "SERVER_CLEAR_LOGIN": "true", "SERVER_PORT": "443"},
    )
    databases: Choices = ({}, {"SERVER_DATABASE": "sqlite"})
    logins: Choices = ({}, {"SERVER_AUTH": "false"})
    images: Choices = ({}, OWN_IMAGE)
    for names, *parts in itertools.product(WITH_SERVER, binds, databases, logins, images):
        yield {"COMPONENTS": names} | {key: value for part in parts for key, value in part.items()}
    for names, *parts in itertools.product(WITHOUT_SERVER, logins, images):
        yield {"COMPONENTS": names} | REMOTE | {key: value for part in parts for key, value in part.items()}
    yield from ODD


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> list[Variant]:
    """All of them, rendered and read by Compose without an engine."""
    sites.need(sites.compose_fault())
    roots = [(render_variant(tmp_path_factory.mktemp("site"), settings), settings) for settings in all_settings()]
    asked = dict.fromkeys(file for root, _ in roots for file in compose_files(root).values())
    with ThreadPoolExecutor() as pool:  # a start of Compose waits as long as it computes
        deque(pool.map(lambda file: compose_config_text(*file), asked), maxlen=0)
    return [Variant(settings, root, compose_configs(root)) for root, settings in roots]


def make_variant(root: Path, settings: dict[str, str]) -> Variant:
    return Variant(settings, render_variant(root, settings), compose_configs(root))


def render_variant(root: Path, settings: dict[str, str]) -> Path:
    sites.write_env(root / ".env", SECRETS | settings)
    assert main(["--output", str(root)]) == 0
    return root


def compose_configs(root: Path) -> dict[str, Config]:
    """By component, what `docker compose config` makes of its file; paths begin with the site's folder."""
    texts = {name: compose_config_text(*file) for name, file in compose_files(root).items()}
    return {name: dict(json.loads(text.replace("/site-root", str(root)))) for name, text in texts.items()}


def compose_files(root: Path) -> dict[str, tuple[str, str]]:
    """By component, the text of its Compose file and the name of its folder."""
    there = {component.name: root / component.compose_path for component in ALL}
    return {name: (path.read_text("utf-8"), path.parent.name) for name, path in there.items() if path.exists()}


@cache
def compose_config_text(text: str, folder: str) -> str:
    """Many variants share a file; Compose is asked once about each."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")}
    command = ["docker", "compose", "--file", "-", "--project-directory", f"/site-root/{folder}", "config"]
    done = subprocess.run(
        [*command, "--format", "json"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"DOCKER_HOST": "unix:///no/engine"},
    )
    assert (done.returncode, done.stderr) == (0, ""), text
    return done.stdout
