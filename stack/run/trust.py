"""`make trust-registry`: gives this machine what it needs to use the site's registry by name."""

import os
from pathlib import Path

from stack.components import registry
from stack.components.registry import HOSTS, TRUSTED, Missing, Write
from stack.core.errors import SiteError
from stack.core.files import FOLDER_MODE, PUBLIC
from stack.run.machine import ThisMachine
from stack.site import Site


def missing(site: Site, trusted: Path = TRUSTED, hosts: Path = HOSTS) -> list[Missing]:
    """What keeps this machine's engine from the registry; nothing for a site without one."""
    return list(registry.missing(site.settings, ThisMachine(site.root), trusted, hosts))


def trust(site: Site, trusted: Path = TRUSTED, hosts: Path = HOSTS) -> int:
    """Writes what is missing and says so; raises SiteError for what it cannot write."""
    _refuse_unrendered(site)
    lacking = missing(site, trusted, hosts)
    if not lacking:
        print(f"nothing to do: this machine finds {registry.address(site.settings)} and trusts it")
        return 0
    if os.geteuid() != 0:
        raise SiteError(*(f"{each.what}; run `sudo make trust-registry`" for each in lacking))
    for each in lacking:
        if each.write:
            print(_written(each.write))
    if left := [f"{each.what}; {each.advice}" for each in lacking if not each.write]:
        raise SiteError(*left)
    return 0


def _refuse_unrendered(site: Site) -> None:
    if not registry.is_used(site.settings):
        raise SiteError(
            "this site has no registry: add registry to COMPONENTS, or set REGISTRY_PASSWORD or REGISTRY_CA"
        )
    path = registry.ca_path(site.settings)
    if path and not (site.root / path).exists():
        raise SiteError(f"{site.root / path}: not rendered yet; run `python render.py` first, as the site's own user")


def _written(file: Write) -> str:
    """In place: if the machine is a container, its hosts file is a mount and cannot be replaced."""
    _make_folder(file.path.parent)
    is_new = not file.path.exists()
    file.path.write_bytes(file.content)
    if is_new:
        file.path.chmod(PUBLIC)
    return file.report


def _make_folder(folder: Path) -> None:
    """Open to all, whatever the umask: the engines of other users read it too."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(exist_ok=True)
        missing.chmod(FOLDER_MODE)
