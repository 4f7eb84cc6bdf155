"""kubernetes/: values for Prefect's Helm charts, made from the same settings as the Compose files."""

from collections.abc import Iterator
from urllib.parse import quote

from stack.components.agent import AGENT
from stack.components.component import Component, Part
from stack.components.server import SERVER, api_url, docket_url, has_postgres
from stack.core.url import host_port
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, setting

FOLDER = "kubernetes"
VALUES: dict[Component, str] = {SERVER: "prefect-server.values.yaml", AGENT: "prefect-worker.values.yaml"}
IMAGE = "prefecthq/prefect:{version}-python3.11"


class KubernetesSettings(Section):
    """kubernetes/: values for Prefect's Helm charts"""

    KUBERNETES_VALUES: values.Switch = setting(
        False, "true: render writes kubernetes/, the values of server and process workers (docs/kubernetes.md).", "true"
    )
    KUBERNETES_IMAGE: values.Image = setting(
        "",
        "Image of all pods, built FROM prefecthq/prefect of this version, with your flows and their packages. "
        "Empty: prefecthq/prefect itself.",
        "registry.example.org/flows:3.9.1-1",
        optional=True,
    )
    KUBERNETES_DATABASE_HOST: values.HostOrAddress = setting(
        "postgres", "Host of the PostgreSQL server, as pods reach it.", "postgres.databases.svc.cluster.local"
    )
    KUBERNETES_REDIS_HOST: values.HostOrAddress = setting(
        "redis", "Host of the Redis server, as pods reach it.", "redis.databases.svc.cluster.local"
    )


def kubernetes_has_charts(settings: Settings) -> Iterator[Fault]:
    if settings.KUBERNETES_VALUES and not any(component.is_in(settings) for component in VALUES):
        names = " and ".join(component.name for component in VALUES)
        reason = f"there are charts only for {names}; add one to COMPONENTS, or write false"
        yield Fault("KUBERNETES_VALUES", reason, instead="false")


def kubernetes_image_fits(settings: Settings) -> Iterator[Fault]:
    """The charts join NAME:TAG, and require that the tag begins with the version."""
    tag = image(settings).rpartition(":")[2]
    if "@" in settings.KUBERNETES_IMAGE or not tag.startswith(settings.PREFECT_VERSION):
        reason = f"Prefect's charts need a tag that begins with its version, {settings.PREFECT_VERSION}, and no digest"
        yield Fault("KUBERNETES_IMAGE", reason)


RULES: Rules = {
    kubernetes_has_charts: ("KUBERNETES_VALUES", "COMPONENTS"),
    kubernetes_image_fits: ("KUBERNETES_IMAGE", "PREFECT_VERSION"),
}


def image(settings: Settings) -> str:
    """The image of all pods, NAME:TAG."""
    return settings.KUBERNETES_IMAGE or IMAGE.format(version=settings.PREFECT_VERSION)


def names(settings: Settings) -> dict[str, str]:
    """Names in the cluster; all begin with the site's name, as on an engine."""
    repository, _, tag = image(settings).rpartition(":")
    parts = ("server", "worker", "login", "environment", "results")
    called = {part: f"{settings.SITE}-{part}" for part in parts}
    return called | {
        "repository": repository,
        "tag": tag,
        "api_url": api_url(settings, server=called["server"]),
    }


def _login(settings: Settings) -> dict[str, str]:
    """The login under the key that the charts read."""
    return (
        {"auth-string": settings.PREFECT_API_AUTH_STRING}
        if settings.SERVER_AUTH and settings.PREFECT_API_AUTH_STRING
        else {}
    )


def _environment(settings: Settings) -> dict[str, str]:
    """The server's secrets: a key for the chart, and variables for its pods."""
    if not has_postgres(settings):
        return {}
    password, host = quote(settings.SERVER_DATABASE_PASSWORD, safe=""), settings.KUBERNETES_DATABASE_HOST
    login = f"{settings.SERVER_DATABASE_USER}:{password}"
    return {
        "connection-string": f"postgresql+asyncpg://{login}@{host_port(host, 5432)}/{settings.SERVER_DATABASE_NAME}",
        "PREFECT_REDIS_MESSAGING_PASSWORD": settings.SERVER_REDIS_PASSWORD,
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_PASSWORD": settings.SERVER_REDIS_PASSWORD,
        "PREFECT_SERVER_DOCKET_URL": docket_url(settings.SERVER_REDIS_PASSWORD, settings.KUBERNETES_REDIS_HOST),
        # Not a secret. Some versions of the chart set it and others do not. The chart's own variable wins over one from
        # a Secret; one from the values would be a duplicate.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    }


def secrets(settings: Settings) -> dict[str, str]:
    """Contents of the cluster's secrets that the charts read, each in a file of its name."""
    return _login(settings) | (_environment(settings) if SERVER.is_in(settings) else {})


KUBERNETES = Part(noun="kubernetes", sections=(KubernetesSettings,), rules=RULES, seen=(names,))
