"""What a template sees: every setting by its own name, and what follows from them."""

from typing import Any
from urllib.parse import urlsplit

from stack.components import addresses, dockerworkers, heartbeats, pools, processworkers, registry, storage, subnets
from stack.components.component import ALL, CLIENT, WORKERS, Component, chosen
from stack.components.settings import Settings
from stack.core.repo import REPO, REPOSITORY
from stack.images import names as images

SECONDS_PER_DAY = 86400
REGISTRY_HEALTH_PORT = 5001  # inside its container, on loopback; the next one where the registry itself has it


def context(site: Settings) -> dict[str, Any]:
    """The names that templates use besides the settings themselves."""
    names = {component.name for component in chosen(site.COMPONENTS)}
    image, jobs, workers = _images(site), job_images(site), dockerworkers.every(site)
    code = storage.code_environment(site)
    running = [each for name, each in workers.items() if name in names]
    return vars(site) | {
        "PROJECT": {component.name: component.project(site.SITE) for component in ALL},
        "IMAGE": image,
        "RUNNING": names,
        "PROCESS_API_URL": addresses.api_url_of_processes(site),
        "API_URL": addresses.api_url(site),
        "UI_API_URL": site.SERVER_UI_API_URL or "/api",
        "LOGIN_REQUIRED": bool(site.PREFECT_API_AUTH_STRING) and site.SERVER_AUTH,
        "LABELS": {"site": site.SITE} | site.SITE_LABELS,
        "OWNS_NETWORK": _owner(names, ALL),
        "OWNS_STORAGE": _owner(names, (*WORKERS, CLIENT)),
        "POSTGRES": site.SERVER_DATABASE == "postgres",
        "VACUUM": "events,flow_runs" if site.SERVER_RETENTION_DAYS else "events",
        "RETENTION_SECONDS": site.SERVER_RETENTION_DAYS * SECONDS_PER_DAY,
        "REGISTRY": registry.address(site),
        "REGISTRY_URL": registry.url(site),
        "REGISTRY_USED": registry.is_used(site),
        "REGISTRY_LOGIN": registry.has_login(site),
        "REGISTRY_BLOCK": {"type": registry.BLOCK_TYPE, "name": registry.BLOCK},
        "JOB_IMAGE": jobs,
        "REGISTRY_CA_PATH": registry.ca_path(site),
        "REGISTRY_HEALTH_PORT": REGISTRY_HEALTH_PORT + (site.REGISTRY_PORT == REGISTRY_HEALTH_PORT),
        "STORAGE": dockerworkers.STORAGE,
        "DIND_BRIDGE": subnets.bridge(site.DIND_SUBNET),
        "DIND_ADDRESSES": subnets.pool(site.DIND_SUBNET),
        "POOL_ENV": heartbeats.RUN_ENVIRONMENT | storage.run_environment(site),
        "RESULT_BLOCK": {"type": storage.block_type(site), "name": storage.BLOCK},
        "STORAGE_BLOCK": {"type": storage.CREDENTIALS_TYPE, "name": storage.CREDENTIALS},
        "STORAGE_REFERENCE": storage.CREDENTIALS_REFERENCE,
        "STORAGE_URL": storage.url(site),
        "S3_PLUGIN": storage.PLUGIN,
        "PYTHON_PATH": storage.python_path(site, dockerworkers.STORAGE),
        "CODE_VERSION": storage.CODE_VERSION,
        "CODE_AT": code.get(storage.CODE_VERSION),
        "CODE_VARIABLES": {"env": code} if code else {},
        "WORKER_HEARTBEAT_SECONDS": heartbeats.WORKER_SECONDS,
        "RUN_HEARTBEAT_SECONDS": heartbeats.RUN_SECONDS,
        "PROCESS_WORKERS": processworkers.of_site(site),
        "DOCKER_WORKERS": workers,
        "POOLS": {name: pools.of(each, site, image["flows"], jobs) for name, each in workers.items()},
        "RUNNING_DOCKER_WORKERS": running,
        "DEPLOYMENT_FILES": ["prefect.yaml", *(f"prefect-{each.kind}.yaml" for each in running)],
        "ALLOWED_IMAGES": ",".join(_allowed_images(site)),
        "RESERVED_NAMES": ",".join(_hosts(site)),
    }


def _hosts(site: Settings) -> list[str]:
    """Hosts that runs send logins to or load code from, which no container may be called. Addresses of IPv6 are none
    that it could be."""
    urls = (addresses.api_url(site), registry.url(site), storage.url(site))
    hosts = {str(urlsplit(url).hostname) for url in urls}
    return sorted(host for host in hosts if ":" not in host)


def _allowed_images(site: Settings) -> list[str]:
    """What flows may run: this bundle's images, those of the site's registry, and those that the site names."""
    own_registry = [f"{registry.address(site)}/*"] if registry.is_used(site) else []
    by_default = [image for image in (site.DOCKER_JOB_IMAGE, site.AGENT_IMAGE) if image]
    return list(dict.fromkeys([f"{REPOSITORY}/*", *own_registry, *by_default, *site.DOCKER_IMAGES]))


def bases(site: Settings) -> dict[str, str]:
    """The public image that each image begins with when pulled."""
    return {
        "prefect": site.BASE_IMAGE_PYTHON,
        "postgres": site.BASE_IMAGE_POSTGRES,
        "redis": site.BASE_IMAGE_REDIS,
        "registry": site.BASE_IMAGE_REGISTRY,
        "storage": site.BASE_IMAGE_STORAGE,
    }


def _owner(names: set[str], order: tuple[Component, ...]) -> str:
    """The component that creates what several share; to the others it is external."""
    return next((component.name for component in order if component.name in names), "")


def _images(site: Settings) -> dict[str, str]:
    references = images.references(
        (
            "prefect",
            "postgres",
            "redis",
            "registry",
            "storage",
            "flows",
            "worker-docker",
            "dind",
            "worker-podman",
            "podman",
        ),
        REPO,
        bases(site),
    )
    return references | ({"flows": site.AGENT_IMAGE} if site.AGENT_IMAGE else {})


def local_job_images(site: Settings) -> dict[str, str]:
    """What the images that jobs run in are called on the engine that made them."""
    return images.references(images.jobs(REPO), REPO, bases(site))


def job_images(site: Settings) -> dict[str, str]:
    """What flows call them: by the name in the site's registry, where it has one."""
    local = local_job_images(site)
    used = registry.is_used(site)
    return {name: registry.name_of(site, image) if used else image for name, image in local.items()}
