"""What the containers of a docker work pool are like, one description for each engine."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from stack.settings import Settings

# The folder inside every container of a site: code in flows/, results in results/, files for siblings in work/.
STORAGE = "/srv/site"
ENGINE_SOCKET = "unix:///run/engine/proxy.sock"
NANO = 10**9
PREFECT_USER = "1000:1000"


@dataclass(frozen=True)
class Pool:
    """The defaults of a pool's flow containers; `launcher` is what one that starts siblings has besides."""

    image: str
    networks: list[str]
    network_mode: str | None
    volumes: list[str]
    env: dict[str, str]
    memory: str
    cpus: str
    launcher: dict[str, Any] = field(default_factory=dict)
    command: str | None = None
    user: str = PREFECT_USER

    @property
    def nano_cpus(self) -> int:
        return int(Decimal(self.cpus) * NANO)


def docker(site: Settings, flows_image: str) -> Pool:
    """Containers on the host's engine: the site's own volumes and network, by name."""
    env = _environment(site) | {"SITE_NETWORK": site.SITE, "SITE_HOST_PATHS": ":".join(site.DOCKER_BIND_PATHS)}
    volumes = [f"{site.SITE}-{name}:{STORAGE}/{name}{mode}" for name, mode in _STORAGE]
    return Pool(
        image=site.DOCKER_JOB_IMAGE or flows_image,
        networks=[site.SITE],
        network_mode=None,
        volumes=volumes,
        env=env,
        memory=site.DOCKER_JOB_MEMORY,
        cpus=site.DOCKER_JOB_CPUS,
        launcher=_proxied(site, env, volumes) if site.DOCKER_PROXY else _raw(site, env, volumes),
    )


# Code is for reading: a flow must not be able to change what other runs execute.
_STORAGE = (("flows", ":ro"), ("results", ""), ("work", ""))


def _environment(site: Settings) -> dict[str, str]:
    return {
        "SITE": site.SITE,
        "SITE_HOME": STORAGE,
        "SITE_WORK_DIR": f"{STORAGE}/work",
        "SITE_LABELS": ",".join(f"{name}={value}" for name, value in site.SITE_LABELS.items()),
        "PYTHONPATH": STORAGE,
    }


def _proxied(site: Settings, env: dict[str, str], volumes: list[str]) -> dict[str, Any]:
    return {
        "env": env | {"DOCKER_HOST": ENGINE_SOCKET},
        "volumes": [*volumes, f"{site.SITE}-launcher:/run/engine"],
        "user": PREFECT_USER,
    }


def _raw(site: Settings, env: dict[str, str], volumes: list[str]) -> dict[str, Any]:
    """The socket itself is root on its machine; its group, which differs from host to host, is no protection."""
    return {"env": env, "volumes": [*volumes, f"{site.DOCKER_SOCKET}:/var/run/docker.sock"], "user": "0:0"}
