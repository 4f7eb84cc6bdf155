"""The content of the picture of a site, read from its rendered Compose files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stack.core.url import host_port
from stack.load import document


@dataclass(frozen=True)
class Service:
    """One service; `networks` and `volumes` hold the engine's names, `api` is the API's URL."""

    name: str
    image: str
    once: bool
    scale: int
    ports: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]
    api: str

    @property
    def joined(self) -> tuple[str, ...]:
        return self.networks + self.volumes

    @property
    def api_host(self) -> str:
        return urlsplit(self.api).hostname or ""


@dataclass(frozen=True)
class Project:
    """One Compose file. `short` maps the engine's names to the file's own, `owned` are those that it creates."""

    path: str
    name: str
    services: tuple[Service, ...]
    short: Mapping[str, str]
    owned: frozenset[str]

    @property
    def folder(self) -> str:
        """`server/` for server/compose.yaml; a Compose file of another name is given whole."""
        return self.path.removesuffix("compose.yaml")


@dataclass(frozen=True)
class Link:
    """A network or volume that several services share, by the engine's name. `owner` is the folder that creates it,
    empty if none does."""

    name: str
    short: str
    kind: str
    owner: str


def read(files: Mapping[str, str]) -> list[Project]:
    """The Compose files, given by path, in the forms that the templates of this bundle use."""
    return [_project(path, document.parsed(text)) for path, text in files.items()]


def links(projects: list[Project]) -> list[Link]:
    """Every network in use, then every volume of more than one service, in the order of the files."""
    services = [service for project in projects for service in project.services]
    uses = Counter(name for service in services for name in service.volumes)
    kinds = dict.fromkeys((name for service in services for name in service.networks), "network")
    kinds |= {name: "volume" for name, count in uses.items() if count > 1}
    return [_link(name, kind, projects) for name, kind in kinds.items()]


def _link(name: str, kind: str, projects: list[Project]) -> Link:
    short = next(project.short[name] for project in projects if name in project.short)
    return Link(name, short, kind, next((project.folder for project in projects if name in project.owned), ""))


def _project(path: str, document: dict[str, Any]) -> Project:
    name = document["name"]
    declared = {kind: document.get(kind, {}) for kind in ("networks", "volumes")}
    known = {kind: {key: _real(name, key, it) for key, it in each.items()} for kind, each in declared.items()}
    short = {real: key for each in known.values() for key, real in each.items()}
    outside = {
        known[kind][key] for kind, each in declared.items() for key, it in each.items() if it.get("external", False)
    }
    services = tuple(_service(key, given, known) for key, given in document["services"].items())
    return Project(path, name, services, short, frozenset(short) - outside)


def _real(project: str, key: str, declared: dict[str, Any]) -> str:
    """The engine's name of a network or volume: the declared name, else that of the project with the key."""
    return str(declared.get("name", f"{project}_{key}"))


def _service(name: str, given: dict[str, Any], known: dict[str, dict[str, str]]) -> Service:
    sources = [volume.partition(":")[0] for volume in given.get("volumes", [])]
    return Service(
        name=name,
        image=given["image"].rpartition("/")[2].partition("@")[0].partition(":")[0],
        once=given.get("restart") not in ("unless-stopped", "always"),
        scale=given.get("scale", 1),
        ports=tuple(_port(port) for port in given.get("ports", [])),
        networks=tuple(known["networks"][key] for key in given.get("networks", [])),
        volumes=tuple(known["volumes"][source] for source in sources if source in known["volumes"]),
        api=given.get("environment", {}).get("PREFECT_API_URL", "").replace("$$", "$"),
    )


def _port(port: dict[str, Any]) -> str:
    """The address at which this machine publishes the port."""
    return host_port(port["host_ip"], port["published"])
