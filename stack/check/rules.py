"""The rules between settings of several components, and the answer of all rules."""

import shlex
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from itertools import combinations

from stack.check import jobs
from stack.components import agent
from stack.components.agent import AGENT, WORKER_PORTS
from stack.components.all import ALL, CONTAINER_WORKERS, KEYS, PARTS, chosen
from stack.components.processworkers import SLURM_PARAMETERS
from stack.components.registry import REGISTRY
from stack.load import pem, textfile
from stack.settings.settings import Fault, Rules, Settings

PUBLISHED = tuple(component.published for component in ALL if component.published)
POOLS = tuple(key for key in KEYS if key.endswith("_POOL"))
USERS_EXAMPLES = {"CLIENT_SCHEDULES": "schedules.example.yml", "PARENT_CATALOGUE": "catalogue.example.yml"}
USERS_FILES = ("CLIENT_SCHEDULES", "PARENT_CATALOGUE", "SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS")


def broken(settings: Settings, wrong: Collection[str]) -> Iterator[Fault]:
    """Every rule that the settings break together.

    `wrong` are keys whose own value is at fault already: a rule that compares one of them cannot judge yet.
    """
    for rules in (*(part.rules for part in PARTS), RULES):
        for rule, keys in rules.items():
            if not set(keys) & set(wrong):
                yield from rule(settings)


def an_api_is_reached(settings: Settings) -> Iterator[Fault]:
    has_server = "server" in settings.COMPONENTS
    callers = [component.name for component in chosen(settings) if component.calls_api]
    if has_server and settings.PREFECT_API_URL:
        yield Fault(
            "PREFECT_API_URL",
            "this machine runs the server itself; leave it empty, or take server out of COMPONENTS",
            instead="",
        )
    if has_server or not callers:
        return
    if not settings.PREFECT_API_URL:
        names = " and ".join(callers)
        yield Fault("PREFECT_API_URL", f"no server for {names}: write the URL of its API, or add server to COMPONENTS")
    if settings.SERVER_AUTH and not settings.PREFECT_API_AUTH_STRING:
        yield Fault(
            "PREFECT_API_AUTH_STRING",
            "the server is on another machine: copy its login, or set SERVER_AUTH=false if it asks for none",
        )


def published_ports_differ(settings: Settings) -> Iterator[Fault]:
    here = [component.published for component in chosen(settings) if component.published]
    taken = {getattr(settings, f"{name}_PORT") for name in here}
    reported: set[str] = set()
    for first, second in combinations(here, 2):
        binds = {getattr(settings, f"{name}_BIND") for name in (first, second)}
        ports = {getattr(settings, f"{name}_PORT") for name in (first, second)}
        meet = len(binds) == 1 or any(ip_address(bind).is_unspecified for bind in binds)
        if meet and len(ports) == 1 and second not in reported:
            reported.add(second)
            port = ports.pop()
            reason = f"port {port} is used twice: {first}_PORT has it"
            instead = next(each for each in range(int(_port_behind(port)), 65536) if each not in taken)
            taken.add(instead)
            yield Fault(f"{second}_PORT", reason, instead=str(instead))


def ports_differ(settings: Settings) -> Iterator[Fault]:
    workers = agent.ports(settings)
    if "server" in settings.COMPONENTS and settings.SERVER_PORT in workers:
        yield Fault(
            "AGENT_HEALTH_PORT",
            f"port {settings.SERVER_PORT} is used twice: SERVER_PORT has it, and {len(workers)} worker(s) take "
            f"{workers[0]} to {workers[-1]}",
            instead=_port_behind(settings.SERVER_PORT),
        )


def registry_has_its_name(settings: Settings) -> Iterator[Fault]:
    """Also with the name of the site's network behind it, by which the engine knows a service too."""
    others = {name for component in ALL if component is not REGISTRY for name in component.services}
    if settings.REGISTRY_HOST.removesuffix(f".{settings.SITE}") in others:
        yield Fault("REGISTRY_HOST", "a service of the site already has this name; choose another name")


def an_image_has_workers(settings: Settings) -> Iterator[Fault]:
    makers = [worker.name for worker in CONTAINER_WORKERS]
    if settings.CLIENT_STORAGE == "image" and not any(name in settings.COMPONENTS for name in makers):
        yield Fault(
            "CLIENT_STORAGE",
            f"an image needs workers that make containers; add {', '.join(makers[:-1])} or {makers[-1]} to COMPONENTS, "
            "or write volume",
            instead="volume",
        )


def pools_differ(settings: Settings) -> Iterator[Fault]:
    owner: dict[str, str] = {}
    for key in _pools_here(settings):
        pool = getattr(settings, key)
        if pool in owner:
            reason = f"{owner[pool]} has this name; a pool belongs to one engine, so choose another"
            instead = KEYS[key].default if KEYS[key].default != pool else f"{pool}_2"
            yield Fault(key, reason, instead=str(instead))
        owner.setdefault(pool, key)


def files_hold_certificates(settings: Settings) -> Iterator[Fault]:
    for key in ("EXTRA_CA_BUNDLE", "REGISTRY_CERTIFICATE", "REGISTRY_CA"):
        path = getattr(settings, key)
        if path and (reason := pem.certificate_fault(path)):
            yield Fault(key, reason)


def named_files_are_there(settings: Settings) -> Iterator[Fault]:
    """The default file need not be there; one that a user names does."""
    for key in USERS_FILES:
        named = getattr(settings, key)
        if named == KEYS[key].default or textfile.exists(settings.beside(named), f"in {key}"):
            continue
        if key in USERS_EXAMPLES:
            reason = f"there is no such file; make it with `cp {USERS_EXAMPLES[key]} {shlex.quote(named)}` beside .env"
            yield Fault(key, reason, instead=KEYS[key].default)
        else:
            yield Fault(key, "there is no such file")


def jobs_can_be(settings: Settings) -> Iterator[Fault]:
    yield from (Fault(key, reason) for key, reason in jobs.faults(settings))


def _pools_here(settings: Settings) -> list[str]:
    """The settings that name a pool of this machine."""
    of_processes = {f"{name.upper()}_POOL" for name in settings.AGENT_POOLS if AGENT.name in settings.COMPONENTS}
    of_engines = {f"{worker.name.removeprefix('worker-').upper()}_POOL" for worker in chosen(settings)}
    return [key for key in POOLS if key in of_processes | (of_engines - {"AGENT_POOL"})]


def _port_behind(port: int) -> str:
    """A port above the one that is taken, far enough from the last for the workers that may follow."""
    return str(port + 1 if port < 60000 else 8080)


RULES: Rules = {
    registry_has_its_name: ("REGISTRY_HOST", "SITE"),
    an_api_is_reached: ("COMPONENTS", "PREFECT_API_URL", "SERVER_AUTH", "PREFECT_API_AUTH_STRING"),
    ports_differ: ("SERVER_PORT", *WORKER_PORTS),
    named_files_are_there: USERS_FILES,
    jobs_can_be: (
        *("AGENT_POOLS", "PARENT_SITES", "PARENT_HPC_TYPE", "PARENT_VOLUMES", "DOCKER_BIND_PATHS"),
        *SLURM_PARAMETERS.values(),
    ),
    files_hold_certificates: (),  # a path that is wrong is empty by then
    published_ports_differ: ("COMPONENTS", *(f"{name}_{what}" for name in PUBLISHED for what in ("BIND", "PORT"))),
    an_image_has_workers: ("COMPONENTS", "CLIENT_STORAGE"),
    pools_differ: ("COMPONENTS", "AGENT_POOLS", *POOLS),
}
