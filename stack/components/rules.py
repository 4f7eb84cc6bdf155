"""The rules between settings: each is one small check that yields the line to print.

A check gets the parsed file, for the line numbers, and the settings.
"""

import shlex
from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path

from stack.check import jobs
from stack.components import processworkers, services, storage
from stack.components.component import AGENT, PROCESS_POOLS, REGISTRY, WORKERS, chosen
from stack.components.settings import KEYS, Settings, fault
from stack.core import lock
from stack.load import textfile
from stack.load.envfile import EnvFile
from stack.render import kubernetes

# Networks that every engine has under these names, so a site's network cannot be called so.
RESERVED_NAMES = {"bridge", "host", "none", "default", "ingress", "podman"}
OUR_LABELS = {"site", "site.files", "site.managed", "site.origin", "site.role"}

# The components that listen on a port of this machine.
PUBLISHED = ("server", "registry", "storage")
POOLS = ("AGENT_POOL", "PARENT_POOL", "CONDA_POOL", "SLURM_POOL", "DOCKER_POOL", "DIND_POOL", "PODMAN_POOL")
WORKER_PORTS = (
    "COMPONENTS",
    "AGENT_POOLS",
    "AGENT_HEALTH_PORT",
    *(f"{name.upper()}_REPLICAS" for name in PROCESS_POOLS),
)

USERS_EXAMPLES = {"CLIENT_SCHEDULES": "schedules.example.yml", "PARENT_CATALOGUE": "catalogue.example.yml"}
USERS_FILES = ("CLIENT_SCHEDULES", "PARENT_CATALOGUE", "SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS")

Check = Callable[[EnvFile, Settings], Iterator[str]]


def broken(env: EnvFile, settings: Settings, wrong: Collection[str]) -> list[str]:
    """The line of every rule that the settings break together.

    `wrong` are keys whose own value is at fault already: a rule that compares one of them has nothing to say yet.
    """
    return [line for rule, keys in RULES.items() if not set(keys) & set(wrong) for line in rule(env, settings)]


def an_api_is_reached(env: EnvFile, settings: Settings) -> Iterator[str]:
    has_server = _has(settings, "server")
    callers = [component.name for component in chosen(settings.COMPONENTS) if component.calls_api]
    if has_server and settings.PREFECT_API_URL:
        yield fault(
            env,
            "PREFECT_API_URL",
            "this machine runs the server itself; leave it empty, or take server out of COMPONENTS",
            instead="",
        )
    if has_server or not callers:
        return
    if not settings.PREFECT_API_URL:
        names = " and ".join(callers)
        yield fault(env, "PREFECT_API_URL", f"no API for {names}: set its URL, or add server to COMPONENTS")
    if settings.SERVER_AUTH and not settings.PREFECT_API_AUTH_STRING:
        yield fault(
            env,
            "PREFECT_API_AUTH_STRING",
            "the server is on another machine: copy its login, or set SERVER_AUTH=false if it asks for none",
        )


def name_is_free(env: EnvFile, settings: Settings) -> Iterator[str]:
    if settings.SITE in RESERVED_NAMES:
        yield fault(env, "SITE", "every engine has a network of this name already; choose another")


def login_is_not_exposed(env: EnvFile, settings: Settings) -> Iterator[str]:
    loopback = ip_address(settings.SERVER_BIND).is_loopback
    if _has(settings, "server") and not loopback and not settings.SERVER_CLEAR_LOGIN:
        yield fault(
            env,
            "SERVER_BIND",
            "beyond this machine the login travels in clear text; set SERVER_CLEAR_LOGIN=true to accept that, "
            "or stay on loopback behind a TLS proxy",
        )


def sqlite_has_one_process(env: EnvFile, settings: Settings) -> Iterator[str]:
    if settings.SERVER_DATABASE == "sqlite" and settings.SERVER_WORKERS > 1:
        reason = "sqlite takes one process; write 1, or SERVER_DATABASE=postgres"
        yield fault(env, "SERVER_WORKERS", reason, instead="1")


def published_ports_differ(env: EnvFile, settings: Settings) -> Iterator[str]:
    here = [name.upper() for name in PUBLISHED if _has(settings, name)]
    taken = {getattr(settings, f"{name}_PORT") for name in here}
    told: set[str] = set()
    for first, second in combinations(here, 2):
        binds = {getattr(settings, f"{name}_BIND") for name in (first, second)}
        ports = {getattr(settings, f"{name}_PORT") for name in (first, second)}
        meet = len(binds) == 1 or any(ip_address(bind).is_unspecified for bind in binds)
        if meet and len(ports) == 1 and second not in told:
            told.add(second)
            port = ports.pop()
            reason = f"port {port} is used twice: {first}_PORT has it"
            instead = next(each for each in range(int(_port_behind(port)), 65536) if each not in taken)
            taken.add(instead)
            yield fault(env, f"{second}_PORT", reason, instead=str(instead))


def a_bucket_is_reached(env: EnvFile, settings: Settings) -> Iterator[str]:
    here, elsewhere = _has(settings, "storage"), bool(settings.STORAGE_S3_URL)
    if here and elsewhere:
        yield fault(
            env,
            "STORAGE_S3_URL",
            "this machine runs the S3 server itself; leave it empty, or take storage out of COMPONENTS",
            instead="",
        )
    if not _registers_to_a_bucket(settings) or here:
        return
    if not elsewhere:
        yield fault(
            env, "STORAGE_S3_URL", "CLIENT_STORAGE=s3 has no S3 server: set its URL, or add storage to COMPONENTS"
        )
    if not settings.STORAGE_SECRET_KEY:
        yield fault(env, "STORAGE_SECRET_KEY", "the S3 server is not made here: copy its secret key")


def an_image_has_workers(env: EnvFile, settings: Settings) -> Iterator[str]:
    makers = [worker.name for worker in WORKERS if worker != AGENT]
    if settings.CLIENT_STORAGE == "image" and not any(_has(settings, name) for name in makers):
        yield fault(
            env,
            "CLIENT_STORAGE",
            f"an image needs workers that make containers; add {', '.join(makers[:-1])} or {makers[-1]} to COMPONENTS, "
            "or write volume",
            instead="volume",
        )


def registry_has_its_name(env: EnvFile, settings: Settings) -> Iterator[str]:
    if services.is_of_another(settings.REGISTRY_HOST, settings.SITE, REGISTRY):
        yield fault(env, "REGISTRY_HOST", "on the site's network this is the name of another service; choose another")


def registry_users_differ(env: EnvFile, settings: Settings) -> Iterator[str]:
    if settings.REGISTRY_USER in settings.REGISTRY_USERS:
        others = [user for user in settings.REGISTRY_USERS if user != settings.REGISTRY_USER]
        reason = f"{settings.REGISTRY_USER} is REGISTRY_USER already; leave it out, or rename one"
        yield fault(env, "REGISTRY_USERS", reason, instead=" ".join(f"{user}:..." for user in others))


def registry_certificate_is_used(env: EnvFile, settings: Settings) -> Iterator[str]:
    for key in ("REGISTRY_CERTIFICATE", "REGISTRY_KEY", "REGISTRY_CA"):
        if getattr(settings, key) and not settings.REGISTRY_TLS:
            reason = "REGISTRY_TLS=false uses no certificate; leave it empty, or write REGISTRY_TLS=true"
            yield fault(env, key, reason, instead="")


def registry_certificate_fits(env: EnvFile, settings: Settings) -> Iterator[str]:
    certificate, key = settings.REGISTRY_CERTIFICATE, settings.REGISTRY_KEY
    if bool(certificate) != bool(key):
        lacking = "REGISTRY_KEY" if certificate else "REGISTRY_CERTIFICATE"
        yield fault(env, lacking, "a certificate and its key belong together; set both, or neither to have them made")
    elif certificate and not _certificate_fault(certificate):
        yield from _misfits(env, settings)


def _misfits(env: EnvFile, settings: Settings) -> Iterator[str]:
    import ssl

    names = _names(settings.REGISTRY_CERTIFICATE)
    wildcard = f"*.{settings.REGISTRY_HOST.partition('.')[2]}"
    if settings.REGISTRY_HOST not in names and wildcard not in names:
        known = ", ".join(names) or "no name"
        yield fault(env, "REGISTRY_CERTIFICATE", f"it is for {known} and not for {settings.REGISTRY_HOST}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.REGISTRY_CERTIFICATE, settings.REGISTRY_KEY, password=""
        )
    except (OSError, ssl.SSLError):
        yield fault(env, "REGISTRY_KEY", "this is not the certificate's key, has a password, or cannot be read")


def _names(certificate: str) -> list[str]:
    from stack.complete import certificates

    try:
        return certificates.names_of(Path(certificate).read_bytes())
    except ValueError:  # OpenSSL reads some forms of PEM that this does not
        return []


def pools_differ(env: EnvFile, settings: Settings) -> Iterator[str]:
    owner: dict[str, str] = {}
    for key in _pools_here(settings):
        pool = getattr(settings, key)
        if pool in owner:
            reason = f"{owner[pool]} has this name; a pool belongs to one engine, so choose another"
            instead = KEYS[key].default if KEYS[key].default != pool else f"{pool}_2"
            yield fault(env, key, reason, instead=str(instead))
        owner.setdefault(pool, key)


def every_worker_has_a_port(env: EnvFile, settings: Settings) -> Iterator[str]:
    workers = _worker_ports(settings)
    if workers and workers[-1] > 65535:
        yield fault(
            env, "AGENT_HEALTH_PORT", f"{len(workers)} workers take ports up to {workers[-1]}, and 65535 is the last"
        )


def ports_differ(env: EnvFile, settings: Settings) -> Iterator[str]:
    workers = _worker_ports(settings)
    if _has(settings, "server") and settings.SERVER_PORT in workers:
        yield fault(
            env,
            "AGENT_HEALTH_PORT",
            f"port {settings.SERVER_PORT} is used twice: SERVER_PORT has it, and {len(workers)} worker(s) take "
            f"{workers[0]} to {workers[-1]}",
            instead=_port_behind(settings.SERVER_PORT),
        )


def podman_has_its_own_machine(env: EnvFile, settings: Settings) -> Iterator[str]:
    others = [name for name in ("worker-docker", "worker-dind") if _has(settings, name)]
    if settings.PODMAN_SOCKET and _has(settings, "worker-podman") and others:
        yield fault(
            env,
            "PODMAN_SOCKET",
            f"all components then run on that Podman, and {' and '.join(others)} on Docker; leave it empty for a "
            "Podman in a container, or take them out of COMPONENTS",
            instead="",
        )


def version_is_locked(env: EnvFile, settings: Settings) -> Iterator[str]:
    locked = lock.prefect_version()
    if locked != settings.PREFECT_VERSION:
        yield fault(
            env,
            "PREFECT_VERSION",
            f"images/prefect/requirements.txt locks {locked}; write that, or change the version in "
            "images/prefect/requirements.in and run `make lock`",
        )


def labels_are_ours(env: EnvFile, settings: Settings) -> Iterator[str]:
    for name in settings.SITE_LABELS:
        if name.startswith("com.docker.") or name in OUR_LABELS:
            yield fault(
                env, "SITE_LABELS", f"the label {name} is set by the engine or by this bundle; choose another name"
            )


def files_hold_certificates(env: EnvFile, settings: Settings) -> Iterator[str]:
    for key in ("EXTRA_CA_BUNDLE", "REGISTRY_CERTIFICATE", "REGISTRY_CA"):
        path = getattr(settings, key)
        if path and (reason := _certificate_fault(path)):
            yield fault(env, key, reason)


def kubernetes_has_charts(env: EnvFile, settings: Settings) -> Iterator[str]:
    if settings.KUBERNETES_VALUES and not set(kubernetes.VALUES) & set(chosen(settings.COMPONENTS)):
        names = " and ".join(component.name for component in kubernetes.VALUES)
        reason = f"there are charts for {names} alone; add one to COMPONENTS, or write false"
        yield fault(env, "KUBERNETES_VALUES", reason, instead="false")


def kubernetes_image_fits(env: EnvFile, settings: Settings) -> Iterator[str]:
    """The charts put NAME:TAG together, and want the version at the beginning of the tag."""
    tag = kubernetes.image(settings).rpartition(":")[2]
    if "@" in settings.KUBERNETES_IMAGE or not tag.startswith(settings.PREFECT_VERSION):
        reason = f"Prefect's charts want a tag that begins with its version, {settings.PREFECT_VERSION}, and no digest"
        yield fault(env, "KUBERNETES_IMAGE", reason)


def named_files_are_there(env: EnvFile, settings: Settings) -> Iterator[str]:
    """The default file need not be there; one that a user names does."""
    for key in USERS_FILES:
        named = getattr(settings, key)
        if named == KEYS[key].default or textfile.exists(env.beside(named), f"in {key}"):
            continue
        if key in USERS_EXAMPLES:
            reason = f"there is no such file; make it with `cp {USERS_EXAMPLES[key]} {shlex.quote(named)}` beside .env"
            yield fault(env, key, reason, instead=KEYS[key].default)
        else:
            yield fault(env, key, "there is no such file")


def jobs_can_be(env: EnvFile, settings: Settings) -> Iterator[str]:
    yield from (fault(env, key, reason) for key, reason in jobs.faults(settings))


def a_key_is_for_a_host(env: EnvFile, settings: Settings) -> Iterator[str]:
    for key in ("SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS"):
        if getattr(settings, key) and not settings.SLURM_HOST:
            reason = "SLURM_HOST is empty, so nobody logs in; name the login node there, or leave it out"
            yield fault(env, key, reason, instead="")


def a_key_can_be_used(env: EnvFile, settings: Settings) -> Iterator[str]:
    path = settings.SLURM_SSH_KEY
    if path and textfile.exists(Path(path), "in SLURM_SSH_KEY") and (reason := _key_fault(path)):
        yield fault(env, "SLURM_SSH_KEY", reason)


def _key_fault(path: str) -> str:
    from stack.complete import certificates  # slow to import, and most sites name no file

    try:
        return certificates.ssh_key_fault(Path(path).read_bytes())
    except OSError as error:
        return f"this file cannot be read ({error.strerror})"


def _certificate_fault(path: str) -> str:
    import ssl  # slow to import, and most sites name no file

    if Path(path).exists() and not Path(path).is_file():
        return "this is no file"
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ssl.SSLError):
        return "this file holds no certificates in PEM format, or cannot be read"
    return ""


# Each rule with the settings that it reads.
RULES: dict[Check, tuple[str, ...]] = {
    an_api_is_reached: ("COMPONENTS", "PREFECT_API_URL", "SERVER_AUTH", "PREFECT_API_AUTH_STRING"),
    name_is_free: ("SITE",),
    login_is_not_exposed: ("COMPONENTS", "SERVER_BIND", "SERVER_CLEAR_LOGIN"),
    sqlite_has_one_process: ("SERVER_DATABASE", "SERVER_WORKERS"),
    every_worker_has_a_port: WORKER_PORTS,
    ports_differ: ("SERVER_PORT", *WORKER_PORTS),
    podman_has_its_own_machine: ("COMPONENTS", "PODMAN_SOCKET"),
    version_is_locked: ("PREFECT_VERSION",),
    labels_are_ours: ("SITE_LABELS",),
    named_files_are_there: USERS_FILES,
    jobs_can_be: (
        *("AGENT_POOLS", "PARENT_SITES", "PARENT_HPC_TYPE", "PARENT_VOLUMES", "DOCKER_BIND_PATHS"),
        *jobs.SLURM.values(),
    ),
    a_key_is_for_a_host: ("SLURM_HOST", "SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS"),
    a_key_can_be_used: ("SLURM_SSH_KEY",),
    kubernetes_has_charts: ("KUBERNETES_VALUES", "COMPONENTS"),
    kubernetes_image_fits: ("KUBERNETES_IMAGE", "PREFECT_VERSION"),
    files_hold_certificates: (),  # a path that is none is empty by then
    published_ports_differ: (
        "COMPONENTS",
        *(f"{name.upper()}_{what}" for name in PUBLISHED for what in ("BIND", "PORT")),
    ),
    a_bucket_is_reached: ("COMPONENTS", "CLIENT_STORAGE", "STORAGE_S3_URL", "STORAGE_SECRET_KEY"),
    an_image_has_workers: ("COMPONENTS", "CLIENT_STORAGE"),
    registry_has_its_name: ("REGISTRY_HOST", "SITE"),
    pools_differ: ("COMPONENTS", "AGENT_POOLS", *POOLS),
    registry_users_differ: ("REGISTRY_USER", "REGISTRY_USERS"),
    registry_certificate_is_used: ("REGISTRY_TLS",),
    registry_certificate_fits: ("REGISTRY_HOST", "REGISTRY_CERTIFICATE", "REGISTRY_KEY"),
}


def _registers_to_a_bucket(settings: Settings) -> bool:
    return storage.is_bucket(settings) and _has(settings, "client")


def _has(settings: Settings, name: str) -> bool:
    return any(component.name == name for component in chosen(settings.COMPONENTS))


def _pools_here(settings: Settings) -> list[str]:
    """The settings that name a pool of this machine."""
    of_processes = {f"{name.upper()}_POOL" for name in settings.AGENT_POOLS if _has(settings, AGENT.name)}
    of_engines = {f"{worker.name.removeprefix('worker-').upper()}_POOL" for worker in chosen(settings.COMPONENTS)}
    return [key for key in POOLS if key in of_processes | (of_engines - {"AGENT_POOL"})]


def _port_behind(port: int) -> str:
    """A port above the one that is taken, far enough from the last for the workers that may follow."""
    return str(port + 1 if port < 60000 else 8080)


def _worker_ports(settings: Settings) -> range:
    """What the health checks of workers that run as processes listen on."""
    first, workers = settings.AGENT_HEALTH_PORT, processworkers.here(settings)
    return range(first, first + sum(each.replicas for each in workers))
