"""The site's private registry: what it is called, here or on another machine, and by which CA it is trusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from stack.components.component import REGISTRY, chosen
from stack.components.settings import Settings
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Login, Machine, Port
from stack.core.repo import LOCAL

# What the engine mounts or installs as its certs.d: HOST:PORT/ca.crt, read by Docker and Podman alike.
CERTS = ".site/certs.d"

# The block with the login of the site's user, as Prefect names its type, and how a job variable refers to it. By name
# and not by id: so the same work pool is right before the block is made, whoever makes the pool.
BLOCK_TYPE, BLOCK = "docker-registry-credentials", "site-registry"
BLOCK_REFERENCE = f"{{{{ prefect.blocks.{BLOCK_TYPE}.{BLOCK} }}}}"


def address(site: Settings) -> str:
    """HOST:PORT, with which the names of its images begin: the same for every engine, on every machine."""
    return f"{site.REGISTRY_HOST}:{site.REGISTRY_PORT}"


def url(site: Settings) -> str:
    return f"{'https' if site.REGISTRY_TLS else 'http'}://{address(site)}"


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
    local, unspecified = ("127.0.0.1", "0.0.0.0") if bound.version == 4 else ("::1", "::")
    return unspecified if site.REGISTRY_TLS else local


def users(site: Settings) -> dict[str, str]:
    """Every user with the password."""
    return {site.REGISTRY_USER: site.REGISTRY_PASSWORD} | site.REGISTRY_USERS


# What engines of this machine need for the registry: its name, and its CA where they look for one. Docker reads it at
# every request, so a change needs no restart; Podman reads it too.
HOSTS = Path("/etc/hosts")
TRUSTED = Path("/etc/docker/certs.d")
TRUST_COMMAND = "`make trust-registry` as root"
MARK = "# by make trust-registry"  # ends the line of the hosts file that is the site's

CERTIFICATE = "registry/secrets/tls.crt"
WARN_DAYS = 21  # less than the 30 days at which ACME clients renew a certificate of the site's own


@dataclass(frozen=True)
class Write:
    """A file that root writes to provide what is missing, and how that is reported."""

    path: Path
    content: bytes
    report: str


@dataclass(frozen=True)
class Missing:
    """A missing prerequisite, what the user does about it, and the file that provides it, if root can write one."""

    what: str
    advice: str = f"run {TRUST_COMMAND}"
    write: Write | None = None


def ports(site: Settings, machine: Machine) -> Iterator[Port]:
    if is_here(site):
        user = "this site's registry" if _is_running(site, machine) else ""
        yield Port("REGISTRY_PORT", site.REGISTRY_BIND, site.REGISTRY_PORT, user)


def findings(site: Settings, machine: Machine) -> Iterator[Finding]:
    """Whether this machine finds the registry, trusts it and can log in to it."""
    if not is_used(site):
        return
    yield from _certificate(site, machine)
    lacking = list(missing(site, machine))
    yield from (Finding(FAIL, each.what, each.advice) for each in lacking)
    if not lacking and has_login(site) and machine.engine_fault is None:
        yield _login(site, machine)


def missing(site: Settings, machine: Machine, trusted: Path = TRUSTED, hosts: Path = HOSTS) -> Iterator[Missing]:
    """What keeps this machine's engine from the registry; nothing for a site without one."""
    if is_used(site):
        yield from _missing_name(site, machine, hosts)
        yield from _missing_ca(site, machine, trusted)


def log_in(site: Settings, machine: Machine) -> Login:
    """This machine's engine, logged in as the site's user."""
    return machine.login(address(site), site.REGISTRY_USER, site.REGISTRY_PASSWORD)


def login_finding(site: Settings, refusal: str, engine: str = "the engine", status: str = FAIL) -> Finding:
    """What a login, or its refusal, means for the user."""
    if not refusal:
        return Finding(OK, f"{engine} logs in to {address(site)} as {site.REGISTRY_USER}")
    return Finding(status, f"{engine} cannot log in to {address(site)} ({refusal})", advice(refusal))


def advice(reason: str) -> str:
    """What to do about an engine's reason for not using the registry."""
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


def _is_running(site: Settings, machine: Machine) -> bool:
    if machine.engine_fault is not None:
        return False
    project = f"label=com.docker.compose.project={REGISTRY.project(site.SITE)}"
    return bool(machine.docker("ps", "--quiet", "--filter", project, "--filter", "status=running").output)


def _certificate(site: Settings, machine: Machine) -> Iterator[Finding]:
    """When the certificate expires that the registry serves now."""
    end = machine.certificate_end(CERTIFICATE)
    if end is None:
        return
    days = (end - datetime.now(UTC)).days
    what = f"the registry's certificate expires on {end:%Y-%m-%d}"
    if days >= WARN_DAYS:
        yield Finding(OK, what)
        return
    renew = "renew REGISTRY_CERTIFICATE; then " if site.REGISTRY_CERTIFICATE else ""
    rest = "run `python render.py`, then `docker compose up -d` in registry/"
    yield Finding(FAIL if days < 0 else NOTE, what, f"{renew}{rest}")


def _login(site: Settings, machine: Machine) -> Finding:
    refusal = log_in(site, machine).refusal
    not_started = "refused" in refusal and is_here(site)
    return login_finding(site, refusal, status=NOTE if not_started else FAIL)


def _missing_name(site: Settings, machine: Machine, hosts: Path) -> Iterator[Missing]:
    name, wanted = site.REGISTRY_HOST, host_address(site)
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
    elif site.REGISTRY_TLS and any(ip_address(address).is_loopback for address in found):
        yield Missing(
            f"{name} resolves to {' and '.join(found)}, for which Docker does not check the certificate",
            f"take it out of {hosts}, then run {TRUST_COMMAND}",
        )


def _missing_ca(site: Settings, machine: Machine, trusted: Path) -> Iterator[Missing]:
    path = ca_path(site)
    if not path:
        return
    target = trusted / address(site) / "ca.crt"
    wanted, found = machine.read(path), machine.read(str(target))
    if found != wanted:
        state = "is missing" if found is None else "belongs to another CA"
        report = f"wrote {target}: engines of this machine trust the registry's certificate"
        yield Missing(f"{target} {state}", write=Write(target, wanted or b"", report))


_CHECK_TRUST = f"run {TRUST_COMMAND}; if that changes nothing, the engine runs on another machine"
# A part of what Docker says -> what to do.
_ADVICE = {
    "401": "REGISTRY_PASSWORD differs from the registry's; after a change in .env, `docker compose up -d` in registry/",
    "refused": "start it with `make up`",
    "no answer": "start it with `make up`, or correct REGISTRY_HOST and REGISTRY_PORT",
    "x509": _CHECK_TRUST,
    "no such host": _CHECK_TRUST,
    "HTTP response to HTTPS": "REGISTRY_TLS=false: allow it in the engine, as registry/README.md says",
}
