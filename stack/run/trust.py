"""What this machine needs to use the site's registry by name: the name itself, and the CA where engines look for it."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from stack.components import registry
from stack.core.errors import SiteError
from stack.settings.settings import Settings
from stack.site import Site

# Docker reads it at every request, so nothing has to be restarted; Podman reads it too.
CERTS = Path("/etc/docker/certs.d")
HOSTS = Path("/etc/hosts")
MARK = "# by make trust-registry"
COMMAND = "`make trust-registry` as root"


@dataclass(frozen=True)
class Lack:
    """What is missing, what to do about it, and, where root can, how: `mend` returns what it did."""

    what: str
    advice: str = f"run {COMMAND}"
    mend: Callable[[], str] | None = None


def lacks(site: Site, certs: Path = CERTS, hosts: Path = HOSTS) -> list[Lack]:
    """What keeps this machine's engine from the registry; nothing where the site has none."""
    if not registry.is_used(site.settings):
        return []
    return [*_name_lacks(site.settings, hosts), *_ca_lacks(site, certs)]


def trust(site: Site, certs: Path = CERTS, hosts: Path = HOSTS) -> int:
    """Mends what is missing and says what it did; raises SiteError for what it may not or cannot mend."""
    _refuse_unrendered(site)
    missing = lacks(site, certs, hosts)
    if not missing:
        print(f"nothing to do: this machine finds {registry.address(site.settings)} and trusts it")
        return 0
    if os.geteuid() != 0:
        raise SiteError(*(f"{lack.what}; run `sudo make trust-registry`" for lack in missing))
    for lack in missing:
        if lack.mend:
            print(lack.mend())
    left = [f"{lack.what}; {lack.advice}" for lack in missing if not lack.mend]
    if left:
        raise SiteError(*left)
    return 0


def _refuse_unrendered(site: Site) -> None:
    if not registry.is_used(site.settings):
        raise SiteError("there is no registry: add registry to COMPONENTS, or set REGISTRY_PASSWORD or REGISTRY_CA")
    path = registry.ca_path(site.settings)
    if path and not (site.root / path).exists():
        raise SiteError(f"{site.root / path}: not rendered yet; run `python render.py` first, as the site's own user")


def _name_lacks(settings: Settings, hosts: Path) -> Iterator[Lack]:
    name, wanted = settings.REGISTRY_HOST, registry.host_address(settings)
    written = address_of(hosts.read_text(encoding="utf-8"), name)
    if written and wanted and written != wanted:
        yield Lack(f"{hosts} has {written} for {name}, and {wanted} is right", mend=lambda: _name(hosts, wanted, name))
        return
    found = _resolved(name)
    if not found and wanted:
        yield Lack(f"the name {name} does not resolve", mend=lambda: _name(hosts, wanted, name))
    elif not found:
        yield Lack(f"the name {name} does not resolve", f"add it to the name server, or `ADDRESS {name}` to {hosts}")
    elif settings.REGISTRY_TLS and any(ip_address(address).is_loopback for address in found):
        yield Lack(
            f"{name} resolves to {' and '.join(found)}, where Docker checks no certificate",
            f"take it out of {hosts}, then run {COMMAND}",
        )


def _ca_lacks(site: Site, certs: Path) -> Iterator[Lack]:
    path = registry.ca_path(site.settings)
    if not path:
        return
    target = certs / registry.address(site.settings) / "ca.crt"
    wanted, found = _content(site.root / path), _content(target)
    if found != wanted:
        state = "is missing" if found is None else "is another CA's"
        yield Lack(f"{target} {state}", mend=lambda: _install(target, wanted or b""))


def _install(target: Path, content: bytes) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return f"wrote {target}: engines of this machine trust the registry's certificate"


def _name(hosts: Path, address: str, name: str) -> str:
    """In place: where the machine is a container, its hosts file is a mount and cannot be replaced."""
    hosts.write_text(with_address(hosts.read_text(encoding="utf-8"), name, address), encoding="utf-8")
    return f"wrote `{address} {name}` into {hosts}; an engine that runs sees it within five seconds"


def address_of(hosts: str, name: str) -> str:
    """The address that an earlier call wrote for the name into this text of a hosts file; empty for none."""
    return next((line.split()[0] for line in hosts.splitlines() if _is_ours(line, name)), "")


def with_address(hosts: str, name: str, address: str) -> str:
    """The text of a hosts file with our one line for the name; all others as they are."""
    kept = "".join(line for line in hosts.splitlines(keepends=True) if not _is_ours(line, name))
    newline = "" if not kept or kept.endswith("\n") else "\n"
    return f"{kept}{newline}{address} {name}  {MARK}\n"


def _is_ours(line: str, name: str) -> bool:
    return line.rstrip().endswith(MARK) and line.split()[1:2] == [name]


def _resolved(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
