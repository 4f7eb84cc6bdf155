"""What all components of a site share: its name, its labels, its folder inside containers."""

from collections.abc import Iterator
from typing import Annotated

from stack.components import base_images
from stack.components.component import Part
from stack.core import lock
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, setting

# The folder inside every container of a site, and the volumes of a site below it. Code is read-only to runs: a flow
# must not change what other runs execute.
HOME = "/srv/site"
CODE, RESULTS, WORK = "flows", "results", "work"
# Every engine already has networks with these names, so a site cannot use them.
RESERVED_NAMES = {"bridge", "host", "none", "default", "ingress", "podman"}
OUR_LABELS = {"site", "site.files", "site.managed", "site.origin", "site.role"}


def section(known: tuple[str, ...]) -> type[Section]:
    """The settings of the site itself; `known` are the names of all components."""

    class SiteSettings(Section):
        """The site"""

        SITE: values.SiteName = setting(
            "prefect-site",
            "Name of this site. The names of its Compose projects, network and volumes begin with it.",
            "als",
        )
        COMPONENTS: Annotated[list[str], values.some_of("component", known, every="all")] = setting(
            ["server", "agent", "client"],
            f"The components that this machine runs, separated by spaces: {' '.join(known)}, or all.",
            "server agent client",
        )
        SITE_RUNS_AS: Annotated[str, values.one_of("auto", "containers", "processes")] = setting(
            "auto",
            "containers, processes, or auto: containers; processes only on a machine without a Docker engine. "
            "After the first start it cannot change.",
            "processes",
        )
        PREFECT_VERSION: values.PrefectVersion = setting(
            "3.9.1",
            "Prefect version of server, workers, client and jobs; must be the one in the lock file.",
            "3.9.1",
        )
        PREFECT_API_URL: values.ApiUrl = setting(
            "",
            "URL of the site's API; set it only on a machine without the server. Empty: the server of this machine.",
            "http://prefect.example.org:4200/api",
            optional=True,
        )
        PREFECT_API_AUTH_STRING: values.Login = setting(
            "",
            "Login of API and UI, user:password, printable ASCII. Empty: render generates one. "
            "On a machine without the server, copy the server's login.",
            "admin:correct-horse-battery-staple",
            secret=True,
        )
        BASE_IMAGES: Annotated[str, values.one_of("auto", "pull", "build")] = setting(
            "auto",
            "Where base images come from: pull (a registry), build (distribution packages, needs Debian or Ubuntu and "
            "root), auto (pull; build if no registry can be reached).",
            "build",
        )
        BASE_IMAGE_PYTHON: values.Image = setting(
            "python:3.11.15-slim-bookworm",
            "Base image of the Prefect image if base images are pulled; set it to use a mirror.",
            "mirror.example.org/python:3.11.15-slim-bookworm",
        )
        BASE_IMAGE_POSTGRES: values.Image = setting(
            "postgres:15.18-bookworm",
            "PostgreSQL image if base images are pulled.",
            "mirror.example.org/postgres:15.18-bookworm",
        )
        BASE_IMAGE_REDIS: values.Image = setting(
            "redis:7.2.12-bookworm",
            "Redis image if base images are pulled.",
            "mirror.example.org/redis:7.2.12-bookworm",
        )
        BASE_IMAGE_REGISTRY: values.Image = setting(
            "registry:2.8.3",
            "Image of the private registry if base images are pulled.",
            "mirror.example.org/registry:2.8.3",
        )
        BASE_IMAGE_STORAGE: values.Image = setting(
            "chrislusf/seaweedfs:4.48_large_disk",
            "Image of the S3 server if base images are pulled; a tag that ends in _large_disk.",
            "mirror.example.org/chrislusf/seaweedfs:4.48_large_disk",
        )
        EXTRA_CA_BUNDLE: values.FilePath = setting(
            "",
            "File with the CA certificates (PEM) that image builds trust. Empty: those that this machine trusts.",
            "/etc/ssl/certs/ca-certificates.crt",
            optional=True,
        )
        SITE_LABELS: values.Labels = setting(
            {},
            "Additional labels of containers, networks, volumes and images: NAME=VALUE, separated by commas.",
            "team=beamline",
            optional=True,
        )

    return SiteSettings


def name_is_free(settings: Settings) -> Iterator[Fault]:
    if settings.SITE in RESERVED_NAMES:
        yield Fault("SITE", "every engine already has a network with this name; choose another")


def version_is_locked(settings: Settings) -> Iterator[Fault]:
    locked = lock.prefect_version()
    if locked != settings.PREFECT_VERSION:
        yield Fault(
            "PREFECT_VERSION",
            f"images/prefect/requirements.txt locks {locked}; write that, or change the version in "
            "images/prefect/requirements.in and run `make lock`",
        )


def labels_are_ours(settings: Settings) -> Iterator[Fault]:
    for name in settings.SITE_LABELS:
        if name.startswith("com.docker.") or name in OUR_LABELS:
            yield Fault("SITE_LABELS", f"the label {name} is set by the engine or by this bundle; choose another name")


RULES: Rules = {
    name_is_free: ("SITE",),
    version_is_locked: ("PREFECT_VERSION",),
    labels_are_ours: ("SITE_LABELS",),
    **base_images.RULES,
}


def labels(settings: Settings) -> dict[str, str]:
    """The labels of everything that the site creates on an engine."""
    return {"site": settings.SITE} | settings.SITE_LABELS


def home(_: Settings) -> str:
    return HOME


def no_proxy_at_all(_: Settings) -> dict[str, str]:
    """The environment of a container that asks no host outside. Docker's client gives the proxy of the user's
    configuration to every container; what sets these variables itself, if only to nothing, keeps them."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return dict.fromkeys([*names, *map(str.lower, names)], "")


def part(known: tuple[str, ...]) -> Part:
    return Part("site", sections=(section(known),), rules=RULES, seen=(labels, home, no_proxy_at_all))
