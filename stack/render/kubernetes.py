"""Values for Prefect's Helm charts, from the same settings as the Compose files."""

from typing import Any
from urllib.parse import quote

from stack.components import addresses
from stack.components.component import AGENT, SERVER, Component, chosen
from stack.components.settings import Settings
from stack.core.files import MOUNTED_SECRET, SECRET_FOLDER, File
from stack.core.quoting import redis_url
from stack.core.url import host_port
from stack.render import templates

FOLDER = "kubernetes"
VALUES: dict[Component, str] = {SERVER: "prefect-server.values.yaml", AGENT: "prefect-worker.values.yaml"}
IMAGE = "prefecthq/prefect:{version}-python3.11"


def files(site: Settings, names: dict[str, Any]) -> list[File]:
    """The values of the components that have a chart, and the secrets that the charts expect in the cluster."""
    if not site.KUBERNETES_VALUES:
        return []
    names = names | {"KUBERNETES": _names(site)}
    charts = [f"{FOLDER}/{VALUES[component]}" for component in chosen(site.COMPONENTS) if component in VALUES]
    values = [File(path, templates.render(f"{path}{templates.SUFFIX}", names).encode()) for path in charts]
    secrets = _login(site) | (_environment(site) if SERVER in chosen(site.COMPONENTS) else {})
    return values + [
        File(f"{FOLDER}/{SECRET_FOLDER}/{name}", text.encode(), MOUNTED_SECRET) for name, text in secrets.items()
    ]


def image(site: Settings) -> str:
    """The image of all pods, NAME:TAG."""
    return site.KUBERNETES_IMAGE or IMAGE.format(version=site.PREFECT_VERSION)


def _names(site: Settings) -> dict[str, str]:
    """Names in the cluster; all begin with the site's name, as on an engine."""
    repository, _, tag = image(site).rpartition(":")
    parts = ("server", "worker", "login", "environment", "results")
    names = {part: f"{site.SITE}-{part}" for part in parts}
    return names | {
        "repository": repository,
        "tag": tag,
        "api_url": addresses.api_url(site, server=names["server"]),
    }


def _login(site: Settings) -> dict[str, str]:
    """The login, under the key that the charts look for."""
    return {"auth-string": site.PREFECT_API_AUTH_STRING} if site.SERVER_AUTH and site.PREFECT_API_AUTH_STRING else {}


def _environment(site: Settings) -> dict[str, str]:
    """The secrets of the server: a key for the chart, and variables for its pods."""
    if site.SERVER_DATABASE != "postgres":
        return {}
    password, host = quote(site.SERVER_DATABASE_PASSWORD, safe=""), site.KUBERNETES_DATABASE_HOST
    login = f"{site.SERVER_DATABASE_USER}:{password}"
    return {
        "connection-string": f"postgresql+asyncpg://{login}@{host_port(host, 5432)}/{site.SERVER_DATABASE_NAME}",
        "PREFECT_REDIS_MESSAGING_PASSWORD": site.SERVER_REDIS_PASSWORD,
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_PASSWORD": site.SERVER_REDIS_PASSWORD,
        "PREFECT_SERVER_DOCKET_URL": redis_url(site.SERVER_REDIS_PASSWORD, site.KUBERNETES_REDIS_HOST),
        # Not a secret. Only some versions of the chart set it: a variable of the chart overrides one from a Secret, but
        # would appear twice beside one from its values.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    }
