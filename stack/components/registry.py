"""The site's private registry: what it is called, here or on another machine, and by which CA it is trusted."""

from ipaddress import ip_address

from stack.components.component import REGISTRY, chosen
from stack.components.settings import Settings
from stack.core.repo import LOCAL
from stack.core.url import callable_here, host_port, http

# What the engine mounts or installs as its certs.d: HOST:PORT/ca.crt, read by Docker and Podman alike.
CERTS = ".site/certs.d"

# The block with the login of the site's user, as Prefect names its type, and how a job variable refers to it. By name
# and not by id: so the same work pool is right before the block is made, whoever makes the pool.
BLOCK_TYPE, BLOCK = "docker-registry-credentials", "site-registry"
BLOCK_REFERENCE = f"{{{{ prefect.blocks.{BLOCK_TYPE}.{BLOCK} }}}}"


def address(site: Settings) -> str:
    """HOST:PORT, with which the names of its images begin: the same for every engine, on every machine."""
    return host_port(site.REGISTRY_HOST, site.REGISTRY_PORT)


def url(site: Settings) -> str:
    return http(site.REGISTRY_HOST, site.REGISTRY_PORT, tls=site.REGISTRY_TLS)


def is_here(site: Settings) -> bool:
    return REGISTRY in chosen(site.COMPONENTS)


def is_used(site: Settings) -> bool:
    """Whether the site has a registry, on this machine or, by its password or CA, on another."""
    return is_here(site) or bool(site.REGISTRY_PASSWORD or site.REGISTRY_CA)


def has_login(site: Settings) -> bool:
    """Whether this machine knows with which password the site pushes and pulls."""
    return is_used(site) and bool(site.REGISTRY_PASSWORD)


def name_of(site: Settings, image: str) -> str:
    """What an image of this engine, `localhost/...`, is called in the registry."""
    return f"{address(site)}/{image.removeprefix(LOCAL)}"


def issues_certificate(site: Settings) -> bool:
    """Whether render makes the registry's certificate, for want of one of the site's own."""
    return is_here(site) and site.REGISTRY_TLS and not site.REGISTRY_CERTIFICATE


def ca_path(site: Settings) -> str:
    """The rendered file with the CA that engines have to be told of; empty where they trust it anyway."""
    private = issues_certificate(site) or (is_used(site) and site.REGISTRY_TLS and site.REGISTRY_CA)
    return f"{CERTS}/{address(site)}/ca.crt" if private else ""


def host_address(site: Settings) -> str:
    """The address for REGISTRY_HOST in this machine's /etc/hosts; empty where only a name server can know it.

    With TLS it is not loopback's: for a name that resolves to 127.0.0.0/8 Docker checks no certificate, and reports a
    refused login as `400 Bad Request` of a second try without TLS. The unspecified address is this machine as well.
    """
    if not is_here(site):
        return ""
    bound = ip_address(site.REGISTRY_BIND)
    if not (bound.is_loopback or bound.is_unspecified):
        return str(bound)
    unspecified = "0.0.0.0" if bound.version == 4 else "::"
    return unspecified if site.REGISTRY_TLS else callable_here(unspecified)


def users(site: Settings) -> dict[str, str]:
    """Every user with the password."""
    return {site.REGISTRY_USER: site.REGISTRY_PASSWORD} | site.REGISTRY_USERS
