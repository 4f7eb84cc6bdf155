"""The secret files of each component: what Compose mounts at /run/secrets, named like the variable it becomes."""

from collections.abc import Mapping
from pathlib import Path

from stack.complete.authority import Authority
from stack.components import agent, registry
from stack.components.component import Component
from stack.components.server import server_login
from stack.core.errors import SiteError
from stack.core.files import MOUNTED_SECRET, SECRET_FOLDER, File
from stack.settings.settings import Settings

HTPASSWD = "htpasswd"


def files(component: Component, settings: Settings, root: Path, authority: Authority) -> list[File]:
    """Every secret of the component as a file in its `secrets` folder (0700)."""
    secrets = component.secrets(settings)
    texts = dict(secrets.texts)
    if secrets.htpasswd:
        texts[HTPASSWD] = _htpasswd(secrets.htpasswd, root / component.folder / SECRET_FOLDER / HTPASSWD)
    issued = [
        file
        for one in secrets.certificates
        for file in authority.issue(component.folder, one.stem, one.names, one.usage)
    ]
    return _files(component.folder, texts) + issued


def of_processes(settings: Settings) -> list[File]:
    """The secrets of the processes under supervisord: they have no PostgreSQL and no Redis."""
    return _files(".site", server_login(settings) | agent.files_for_ssh(settings))


def of_registry_clients(settings: Settings, authority: Authority) -> list[File]:
    """The CA by which engines trust the registry, where they do not know it already: not a secret."""
    path = registry.ca_path(settings)
    if not path:
        return []
    own = settings.REGISTRY_CA
    return [File(path, Path(own).read_bytes() if own else authority.pair.certificate)]


def _files(folder: str, secrets: dict[str, str]) -> list[File]:
    return [
        File(f"{folder}/{SECRET_FOLDER}/{name}", text.encode(errors="surrogateescape"), MOUNTED_SECRET)
        for name, text in secrets.items()
    ]


def _htpasswd(users: Mapping[str, str], path: Path) -> str:
    from stack.complete.htpasswd import htpasswd

    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); change its owner or mode") from None
    return htpasswd(users, before)
