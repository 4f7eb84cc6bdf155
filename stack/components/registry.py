"""registry/: the private image registry, here or on another machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from stack.components.component import PASSWORD, SERVER_USAGE, Certificate, Component, Secrets
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Login, Machine
from stack.core.repo import LOCAL
from stack.core.url import callable_here, host_port, http
from stack.load import pem
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, reads, setting

# The folder that the engine mounts or installs as its certs.d: HOST:PORT/ca.crt, read by Docker and Podman alike.
CERTS = ".site/certs.d"
# The block with the login of the site's user: Prefect's name of its type, and its reference in job variables.
# By name and not by id, so that the pool is right before the block exists: a worker may create the pool first.
BLOCK_TYPE, BLOCK = "docker-registry-credentials", "site-registry"
BLOCK_REFERENCE = f"{{{{ prefect.blocks.{BLOCK_TYPE}.{BLOCK} }}}}"
HEALTH_PORT = 5001  # inside its container, on loopback; the next port if the registry itself uses this one

# What engines of this machine need for the registry: an address for its name, and its CA in this folder.
# Docker reads it at every request, so a change needs no restart; Podman reads it too.
HOSTS = Path("/etc/hosts")
TRUSTED = Path("/etc/docker/certs.d")
TRUST_COMMAND = "`make trust-registry` as root"
MARK = "# by make trust-registry"  # ends the line of the hosts file that is the site's

CERTIFICATE = "registry/secrets/tls.crt"
WARN_DAYS = 21  # less than the 30 days at which ACME clients renew a certificate of the site's own

_CHECK_TRUST = f"run {TRUST_COMMAND}; if that changes nothing, the engine runs on another machine"
# Part of Docker's message -> what to do.
_ADVICE = {
    "401": (
        "REGISTRY_PASSWORD differs from the registry's; after a change in .env, run `docker compose up -d` in registry/"
    ),
    "refused": "start it with `make up`",
    "no answer": "start it with `make up`, or correct REGISTRY_HOST and REGISTRY_PORT",
    "x509": _CHECK_TRUST,
    "no such host": _CHECK_TRUST,
    "HTTP response to HTTPS": "REGISTRY_TLS=false: allow that in the engine (registry/README.md)",
}


class RegistrySettings(Section):
    """registry/: the private image registry"""

    REGISTRY_HOST: values.HostName = setting(
        "registry",
        "Host name of the registry, the same on every machine and in every container of the site; image names begin "
        "with it and the port. If no name server knows it, `make trust-registry` adds it to the hosts file.",
        "registry.example.org",
    )
    REGISTRY_PORT: values.Port = setting(5000, "Port of the registry, also inside its container.", "5000")
    REGISTRY_BIND: values.BindAddress = setting(
        "127.0.0.1",
        "Address of this machine on which the registry listens; 0.0.0.0 if engines of other machines use it.",
        "0.0.0.0",
    )
    REGISTRY_USER: values.RegistryUser = setting(
        "prefect", "User name with which the site pushes and pulls.", "prefect"
    )
    REGISTRY_PASSWORD: values.Secret = setting(
        "",
        "Password of that user; at most 72 bytes for this site's own registry. Empty: render generates one. On a "
        "machine without the registry, copy the registry's password.",
        "'any $printable \"text\"'",
        secret=True,
    )
    REGISTRY_USERS: values.RegistryUsers = setting(
        {},
        "Additional users, USER:PASSWORD, separated by spaces; in a password write %20 for a space and %25 for %.",
        "alice:correct%20horse bob:battery-staple",
        secret=True,
    )
    REGISTRY_HTTP_SECRET: values.Secret = setting(
        "", "Secret that signs uploads in progress. Empty: render generates one.", "any-text", secret=True
    )
    REGISTRY_TLS: values.Switch = setting(
        True,
        "false: passwords and images travel in clear text, and every engine on another machine must be configured to "
        "allow that (registry/README.md).",
        "true",
    )
    REGISTRY_CERTIFICATE: values.FilePath = setting(
        "",
        "Your own certificate for REGISTRY_HOST (PEM, with its chain). Empty: render makes one and a CA for it.",
        "/etc/ssl/registry/fullchain.pem",
        optional=True,
    )
    REGISTRY_KEY: values.FilePath = setting(
        "", "Private key of that certificate (PEM, without a password).", "/etc/ssl/registry/privkey.pem", optional=True
    )
    REGISTRY_CA: values.FilePath = setting(
        "",
        "CA (PEM) of your own certificate, or of a registry on another machine, if engines do not trust it already. "
        "The CA that render makes is .site/ca/ca.crt on the registry's machine.",
        "/etc/ssl/registry/ca.pem",
        optional=True,
    )
    REGISTRY_DELETE: values.Switch = setting(True, "false: the registry refuses to delete images.", "true")


def own_registry_takes_the_login(settings: Settings) -> Iterator[Fault]:
    """What registries elsewhere take is theirs to say."""
    if is_here(settings):
        yield from reads(settings, "REGISTRY_USER", values.own_registry_user)
        yield from reads(settings, "REGISTRY_PASSWORD", values.own_registry_password)


def registry_users_differ(settings: Settings) -> Iterator[Fault]:
    if settings.REGISTRY_USER in settings.REGISTRY_USERS:
        others = [user for user in settings.REGISTRY_USERS if user != settings.REGISTRY_USER]
        reason = f"{settings.REGISTRY_USER} is already REGISTRY_USER; leave it out, or rename one"
        yield Fault("REGISTRY_USERS", reason, instead=" ".join(f"{user}:..." for user in others))


def registry_certificate_is_used(settings: Settings) -> Iterator[Fault]:
    for key in ("REGISTRY_CERTIFICATE", "REGISTRY_KEY", "REGISTRY_CA"):
        if getattr(settings, key) and not settings.REGISTRY_TLS:
            reason = "REGISTRY_TLS=false uses no certificate; leave it empty, or write REGISTRY_TLS=true"
            yield Fault(key, reason, instead="")


def registry_certificate_fits(settings: Settings) -> Iterator[Fault]:
    certificate, key = settings.REGISTRY_CERTIFICATE, settings.REGISTRY_KEY
    if bool(certificate) != bool(key):
        lacking = "REGISTRY_KEY" if certificate else "REGISTRY_CERTIFICATE"
        yield Fault(lacking, "a certificate and its key belong together; set both, or neither: render then makes them")
    elif certificate and not pem.certificate_fault(certificate):
        yield from _misfits(settings)


def _misfits(settings: Settings) -> Iterator[Fault]:
    import ssl

    names = _names(settings.REGISTRY_CERTIFICATE)
    wildcard = f"*.{settings.REGISTRY_HOST.partition('.')[2]}"
    if settings.REGISTRY_HOST not in names and wildcard not in names:
        known = ", ".join(names) or "no name"
        yield Fault("REGISTRY_CERTIFICATE", f"it is for {known} and not for {settings.REGISTRY_HOST}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.REGISTRY_CERTIFICATE, settings.REGISTRY_KEY, password=""
        )
    except (OSError, ssl.SSLError):
        yield Fault("REGISTRY_KEY", "this is not the certificate's key, has a password, or cannot be read")


def _names(certificate: str) -> list[str]:
    try:
        return pem.names_of(Path(certificate).read_bytes())
    except ValueError:  # OpenSSL reads some forms of PEM that this function cannot read
        return []


RULES: Rules = {
    own_registry_takes_the_login: ("COMPONENTS", "REGISTRY_USER", "REGISTRY_PASSWORD"),
    registry_users_differ: ("REGISTRY_USER", "REGISTRY_USERS"),
    registry_certificate_is_used: ("REGISTRY_TLS",),
    registry_certificate_fits: ("REGISTRY_HOST", "REGISTRY_CERTIFICATE", "REGISTRY_KEY"),
}


def address(settings: Settings) -> str:
    """HOST:PORT, the beginning of its images' names: the same for every engine, on every machine."""
    return host_port(settings.REGISTRY_HOST, settings.REGISTRY_PORT)


def url(settings: Settings) -> str:
    return http(settings.REGISTRY_HOST, settings.REGISTRY_PORT, tls=settings.REGISTRY_TLS)


def is_here(settings: Settings) -> bool:
    return REGISTRY.is_in(settings)


def is_used(settings: Settings) -> bool:
    """Whether the site has a registry: on this machine, or on another whose password or CA is set."""
    return is_here(settings) or bool(settings.REGISTRY_PASSWORD or settings.REGISTRY_CA)


def has_login(settings: Settings) -> bool:
    """Whether this machine knows the password with which the site pushes and pulls."""
    return is_used(settings) and bool(settings.REGISTRY_PASSWORD)


def name_of(settings: Settings, image: str) -> str:
    """The name in the registry of an image of this engine, `localhost/...`."""
    return f"{address(settings)}/{image.removeprefix(LOCAL)}"


def issues_certificate(settings: Settings) -> bool:
    """Whether render makes the registry's certificate, because the settings name none."""
    return is_here(settings) and settings.REGISTRY_TLS and not settings.REGISTRY_CERTIFICATE


def ca_path(settings: Settings) -> str:
    """The rendered file with the CA that engines must install; empty if they trust it already."""
    private = issues_certificate(settings) or (is_used(settings) and settings.REGISTRY_TLS and settings.REGISTRY_CA)
    return f"{CERTS}/{address(settings)}/ca.crt" if private else ""


def host_address(settings: Settings) -> str:
    """The address for REGISTRY_HOST in this machine's /etc/hosts; empty if only a name server can know it.

    With TLS it is not a loopback address: if a name resolves to 127.0.0.0/8, Docker checks no certificate, retries a
    refused login without TLS, and reports `400 Bad Request`. The unspecified address also means this machine.
    """
    if not is_here(settings):
        return ""
    bound = ip_address(settings.REGISTRY_BIND)
    if not (bound.is_loopback or bound.is_unspecified):
        return str(bound)
    unspecified = "0.0.0.0" if bound.version == 4 else "::"
    return unspecified if settings.REGISTRY_TLS else callable_here(unspecified)


def users(settings: Settings) -> dict[str, str]:
    """Users and their passwords."""
    return {settings.REGISTRY_USER: settings.REGISTRY_PASSWORD} | settings.REGISTRY_USERS


def block(_: Settings) -> dict[str, str]:
    """The block with the login, which the registrar creates."""
    return {"type": BLOCK_TYPE, "name": BLOCK}


def health_port(settings: Settings) -> int:
    return HEALTH_PORT + (settings.REGISTRY_PORT == HEALTH_PORT)


def secrets(settings: Settings) -> Secrets:
    """The users, and the certificate; its file name is the same if render makes it and if the site has its own."""
    if issues_certificate(settings):
        names = (settings.REGISTRY_HOST, "localhost", "127.0.0.1")
        return Secrets(htpasswd=users(settings), certificates=(Certificate("tls", names, SERVER_USAGE),))
    own = {"tls.crt": settings.REGISTRY_CERTIFICATE, "tls.key": settings.REGISTRY_KEY} if settings.REGISTRY_TLS else {}
    texts = {name: Path(path).read_text(encoding="utf-8", errors="surrogateescape") for name, path in own.items()}
    return Secrets(texts, htpasswd=users(settings))


def made(_: Settings) -> dict[str, str]:
    return dict.fromkeys(("REGISTRY_PASSWORD", "REGISTRY_HTTP_SECRET"), PASSWORD)


@dataclass(frozen=True)
class Write:
    """A file that root writes to provide what is missing, and the message about it."""

    path: Path
    content: bytes
    report: str


@dataclass(frozen=True)
class Missing:
    """A missing prerequisite, what the user does about it, and the file that provides it if root can write one."""

    what: str
    advice: str = f"run {TRUST_COMMAND}"
    write: Write | None = None


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Whether this machine finds the registry, trusts it and can log in to it."""
    if not is_used(settings):
        return
    yield from _certificate(settings, machine)
    lacking = list(missing(settings, machine))
    yield from (Finding(FAIL, each.what, each.advice) for each in lacking)
    if not lacking and has_login(settings) and machine.engine_fault is None:
        yield _login(settings, machine)


def missing(settings: Settings, machine: Machine, trusted: Path = TRUSTED, hosts: Path = HOSTS) -> Iterator[Missing]:
    """The prerequisites for the registry that this machine lacks; nothing for a site without one."""
    if is_used(settings):
        yield from _missing_name(settings, machine, hosts)
        yield from _missing_ca(settings, machine, trusted)


def log_in(settings: Settings, machine: Machine) -> Login:
    """Logs this machine's engine in as the site's user."""
    return machine.login(address(settings), settings.REGISTRY_USER, settings.REGISTRY_PASSWORD)


def login_finding(settings: Settings, refusal: str, engine: str = "the engine", status: str = FAIL) -> Finding:
    """The finding about a login or its refusal."""
    if not refusal:
        return Finding(OK, f"{engine} logs in to {address(settings)} as {settings.REGISTRY_USER}")
    return Finding(status, f"{engine} cannot log in to {address(settings)} ({refusal})", advice(refusal))


def advice(reason: str) -> str:
    """What to do if an engine gives this reason for not using the registry."""
    return next((each for sign, each in _ADVICE.items() if sign in reason), "correct that and try again")


def address_of(hosts: str, name: str) -> str:
    """The address that the site's line in this text of a hosts file gives the name; empty if there is none."""
    return next((line.split()[0] for line in hosts.splitlines() if _is_ours(line, name)), "")


def with_address(hosts: str, name: str, address: str) -> str:
    """The text of a hosts file with the site's one line for the name; all other lines are kept."""
    kept = "".join(line for line in hosts.splitlines(keepends=True) if not _is_ours(line, name))
    newline = "" if not kept or kept.endswith("\n") else "\n"
    return f"{kept}{newline}{address} {name}  {MARK}\n"


def _is_ours(line: str, name: str) -> bool:
    return line.rstrip().endswith(MARK) and line.split()[1:2] == [name]


def port_user(settings: Settings, machine: Machine) -> str:
    if machine.engine_fault is not None:
        return ""
    project = f"label=com.docker.compose.project={REGISTRY.project(settings.SITE)}"
    running = machine.docker("ps", "--quiet", "--filter", project, "--filter", "status=running").output
    return "this site's registry" if running else ""


def _certificate(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """When the registry's current certificate expires."""
    end = machine.certificate_end(CERTIFICATE)
    if end is None:
        return
    days = (end - datetime.now(UTC)).days
    what = f"the registry's certificate expires on {end:%Y-%m-%d}"
    if days >= WARN_DAYS:
        yield Finding(OK, what)
        return
    renew = "renew REGISTRY_CERTIFICATE; then " if settings.REGISTRY_CERTIFICATE else ""
    rest = "run `python render.py`, then `docker compose up -d` in registry/"
    yield Finding(FAIL if days < 0 else NOTE, what, f"{renew}{rest}")


def _login(settings: Settings, machine: Machine) -> Finding:
    refusal = log_in(settings, machine).refusal
    not_started = "refused" in refusal and is_here(settings)
    return login_finding(settings, refusal, status=NOTE if not_started else FAIL)


def _missing_name(settings: Settings, machine: Machine, hosts: Path) -> Iterator[Missing]:
    name, wanted = settings.REGISTRY_HOST, host_address(settings)
    text = (machine.read(str(hosts)) or b"").decode("utf-8", "surrogateescape")
    report = f"wrote `{wanted} {name}` into {hosts}; a running engine sees it within five seconds"
    write = (
        Write(hosts, with_address(text, name, wanted).encode("utf-8", "surrogateescape"), report) if wanted else None
    )
    written, found = address_of(text, name), machine.addresses(name)
    if written and wanted and written != wanted:
        yield Missing(f"{hosts} gives {name} the address {written} instead of {wanted}", write=write)
    elif not found and write:
        yield Missing(f"the name {name} does not resolve", write=write)
    elif not found:
        yield Missing(f"the name {name} does not resolve", f"add it to the name server, or `ADDRESS {name}` to {hosts}")
    elif settings.REGISTRY_TLS and any(ip_address(address).is_loopback for address in found):
        yield Missing(
            f"{name} resolves to {' and '.join(found)}, for which Docker does not check the certificate",
            f"take it out of {hosts}, then run {TRUST_COMMAND}",
        )


def _missing_ca(settings: Settings, machine: Machine, trusted: Path) -> Iterator[Missing]:
    path = ca_path(settings)
    if not path:
        return
    target = trusted / address(settings) / "ca.crt"
    wanted, found = machine.read(path), machine.read(str(target))
    if found != wanted:
        state = "is missing" if found is None else "belongs to another CA"
        report = f"wrote {target}: engines of this machine trust the registry's certificate"
        yield Missing(f"{target} {state}", write=Write(target, wanted or b"", report))


REGISTRY = Component(
    noun="registry",
    name="registry",
    folder="registry",
    images=("registry",),
    sources=("registry/collect-garbage.sh",),
    calls_api=False,
    published="REGISTRY",
    services=frozenset({"registry"}),
    memory={"registry": "1g"},
    templates=("secrets/config.yml",),
    sections=(RegistrySettings,),
    rules=RULES,
    secrets=secrets,
    made=made,
    findings=findings,
    port_user=port_user,
    seen=(address, url, is_used, has_login, ca_path, block, health_port),
)
