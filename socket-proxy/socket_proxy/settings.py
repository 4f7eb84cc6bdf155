"""The settings, from environment variables: typed, with all faults reported at once."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from socket_proxy import values
from socket_proxy.case import Limits
from socket_proxy.mounts import is_below
from socket_proxy.policy import ROLES, Role
from socket_proxy.values import Address

PREFIX = "DOCKER_PROXY_"
CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")  # the names that Docker's own clients use
T = TypeVar("T")

# Services of a site's Compose files; other containers reach them by these names.
_SERVICES = (
    "client,conda,dind,flows,migrate,parent,podman,postgres,proxy,reaper,recovery,redis,registry,server,services,slurm,"
    "socket-proxy,storage,worker"
)
_NO_IMAGES = "write the images that this role may use, such as registry.example.org:5000/*"
_NO_NAMES: frozenset[str] = frozenset()


class SettingsError(Exception):
    """Raised with all faults, one line each: the setting's name and what to write instead."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Listener:
    role: Role
    address: Address
    limits: Limits


@dataclass(frozen=True)
class Bounds:
    """Sizes in bytes, times in seconds, connections per role."""

    body: int
    header: int
    idle: int
    connections: int


@dataclass(frozen=True)
class Settings:
    """`engine` is the engine's address, `certificates` the folder of the client's certificate for an engine on a
    network, `user` the UID and GID that a start as root changes to."""

    engine: Address
    certificates: str
    user: tuple[int, int]
    socket_mode: int
    bounds: Bounds
    listeners: tuple[Listener, ...]

    def bind_paths(self) -> Iterator[tuple[str, str]]:
        """Pairs of a setting's name and a host path that it allows."""
        for listener in self.listeners:
            for path in listener.limits.bind_paths:
                yield listener.limits.setting("BIND_PATHS"), path


@dataclass
class Reader:
    """Reads variables and collects the faults."""

    environment: Mapping[str, str]
    faults: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def read(self, name: str, default: str, parse: Callable[[str], T], fallback: T) -> T:
        """The parsed value; if it is faulty, adds the fault and returns `fallback`."""
        self.names.append(name)
        try:
            return parse(self.environment.get(name, "") or default)
        except ValueError as error:
            self.faults.append(f"{name}: {error}")
            return fallback

    def number(self, name: str, default: int, low: int, high: int) -> int:
        return self.read(f"{PREFIX}{name}", str(default), values.whole(low, high), default)

    def unknown(self) -> Iterator[str]:
        for name in sorted(self.environment):
            if name.startswith(PREFIX) and name not in self.names:
                near = difflib.get_close_matches(name, self.names, 1)
                yield f"{name}: unknown setting{f'; did you mean {near[0]}?' if near else ''}"


def read(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with all faults."""
    reader = Reader(environment)
    settings = parse(reader)
    together = [*_engine_without_tls(settings), *_address_faults(settings), *_path_faults(settings)]
    if faults := [*reader.faults, *together, *reader.unknown()]:
        raise SettingsError(faults)
    return settings


def parse(reader: Reader) -> Settings:
    return Settings(
        listeners=_listeners(reader),
        engine=reader.read(f"{PREFIX}ENGINE", "unix:///var/run/docker.sock", values.address, Address()),
        certificates=reader.read(f"{PREFIX}ENGINE_CERTIFICATES", "", values.optional_path, ""),
        user=reader.read(f"{PREFIX}USER", "1000:1000", values.user, (0, 0)),
        socket_mode=reader.read(f"{PREFIX}SOCKET_MODE", "660", values.mode, 0),
        bounds=_bounds(reader),
    )


def _bounds(reader: Reader) -> Bounds:
    return Bounds(
        body=reader.number("BODY_LIMIT", 1024**2, 1024, 64 * 1024**2),
        header=reader.number("HEADER_LIMIT", 32 * 1024, 4096, 1024**2),
        idle=reader.number("IDLE_SECONDS", 60, 1, 3600),
        connections=reader.number("CONNECTIONS", 512, 1, 65536),
    )


def _listeners(reader: Reader) -> tuple[Listener, ...]:
    site = reader.read("SITE", "", values.site, "")
    services = frozenset(_SERVICES.split(","))
    reserved = services | reader.read(f"{PREFIX}RESERVED_NAMES", "", values.names("host"), _NO_NAMES)
    found = [_listener(reader, role, site, frozenset(map(str.casefold, reserved))) for role in ROLES.values()]
    return tuple(listener for listener in found if listener)


def _listener(reader: Reader, role: Role, site: str, reserved: frozenset[str]) -> Listener | None:
    prefix = f"{PREFIX}{role.name.upper()}"
    address = reader.read(f"{prefix}_LISTEN", "", values.optional(values.address), None)
    limits = Limits(site, role.name, prefix, reserved_names=reserved)
    if role.creates:
        limits = _creation_limits(reader, limits)
        if address and not reader.environment.get(f"{prefix}_IMAGES"):
            reader.faults.append(f"{prefix}_IMAGES: {_NO_IMAGES}")
    return Listener(role, address, limits) if address else None


def _creation_limits(reader: Reader, limits: Limits) -> Limits:
    prefix = limits.prefix
    return replace(
        limits,
        images=reader.read(f"{prefix}_IMAGES", "", values.images, ()),
        networks=reader.read(f"{prefix}_NETWORKS", limits.site, values.networks, frozenset()),
        bind_paths=reader.read(f"{prefix}_BIND_PATHS", "", values.bind_paths, {}),
        volumes=reader.read(f"{prefix}_VOLUMES", "", values.mountable(values.volume), {}),
        gpus=reader.read(f"{prefix}_GPUS", "false", values.switch, False),
    )


def _engine_without_tls(settings: Settings) -> Iterator[str]:
    if settings.engine.port and not settings.certificates:
        yield (
            f"{PREFIX}ENGINE_CERTIFICATES: an engine on a network needs TLS; write the directory with "
            f"{', '.join(CERTIFICATES)}"
        )


def _address_faults(settings: Settings) -> Iterator[str]:
    addresses = [listener.address for listener in settings.listeners]
    if not addresses:
        yield f"{PREFIX}WORKER_LISTEN: no role has an address; write one such as tcp://0.0.0.0:2375"
    for listener in settings.listeners:
        if addresses.count(listener.address) > 1:
            yield f"{listener.limits.prefix}_LISTEN: {listener.address} is also the address of another role"


def _path_faults(settings: Settings) -> Iterator[str]:
    addresses = (settings.engine, *(listener.address for listener in settings.listeners))
    for name, path in settings.bind_paths():
        for address in addresses:
            if address.path and is_below(address.path, path):
                yield f"{name}: {path!r} would give access to {address.path}; write a directory made for the runs"
        # Anybody who may write to the outer one can replace the inner one with a link.
        for other, outer in settings.bind_paths():
            if outer != path and is_below(path, outer):
                yield f"{name}: {path!r} is inside {outer!r} of {other}; write only one of them"
