"""The secret files of each component: what Compose mounts at /run/secrets, named like the variable it becomes."""

from pathlib import Path

from stack.complete.authority import CLIENT as CLIENT_USAGE
from stack.complete.authority import SERVER as SERVER_USAGE
from stack.complete.authority import Authority
from stack.components import processworkers, registry, storage
from stack.components.component import AGENT, CLIENT, REGISTRY, SERVER, STORAGE, WORKER_DIND, Component
from stack.components.settings import Settings
from stack.core.errors import SiteError
from stack.core.files import MOUNTED_SECRET, SECRET_FOLDER, File
from stack.core.quoting import redis_string, redis_url
from stack.load import textfile

LOGIN = "PREFECT_API_AUTH_STRING"


def of(component: Component, site: Settings, root: Path, authority: Authority) -> list[File]:
    """Every secret of the component as a file in its `secrets` folder (0700)."""
    files = _files(component.folder, _texts(component, site, root))
    if component == REGISTRY:
        return files + _registry_certificate(site, authority)
    return files + (_engine_certificates(authority) if component == WORKER_DIND else [])


def of_registry_clients(site: Settings, authority: Authority) -> list[File]:
    """The CA by which engines trust the registry, where they do not know it already: no secret."""
    path = registry.ca_path(site)
    if not path:
        return []
    return [File(path, Path(site.REGISTRY_CA).read_bytes() if site.REGISTRY_CA else authority.pair.certificate)]


def of_processes(site: Settings) -> list[File]:
    """The secrets of the processes under supervisord: they have no PostgreSQL and no Redis."""
    return _files(".site", _api_login(site) | _of_workers(site))


def _files(folder: str, secrets: dict[str, str]) -> list[File]:
    return [
        File(f"{folder}/{SECRET_FOLDER}/{name}", text.encode(errors="surrogateescape"), MOUNTED_SECRET)
        for name, text in secrets.items()
    ]


def _texts(component: Component, site: Settings, root: Path) -> dict[str, str]:
    if component == SERVER:
        return _server(site)
    if component == REGISTRY:
        return {"htpasswd": _htpasswd(site, root)}
    if component == STORAGE:
        return {"STORAGE_ACCESS_KEY": site.STORAGE_ACCESS_KEY, "STORAGE_SECRET_KEY": site.STORAGE_SECRET_KEY}
    more = {CLIENT: _of_blocks, AGENT: _of_workers}.get(component)
    return _login(site) | (more(site) if more else {})


def _of_workers(site: Settings) -> dict[str, str]:
    """What process workers log in with elsewhere, from files of the user's."""
    secrets = processworkers.secrets(site)
    return {name: textfile.read(path, "file for SSH", "in .env") for name, path in secrets.items()}


def _of_blocks(site: Settings) -> dict[str, str]:
    """For the registrar, who makes blocks of them: workers and flows ask the API, and have them in no environment."""
    password = {"REGISTRY_PASSWORD": site.REGISTRY_PASSWORD} if registry.has_login(site) else {}
    return password | ({"STORAGE_SECRET_KEY": site.STORAGE_SECRET_KEY} if storage.is_bucket(site) else {})


def _htpasswd(site: Settings, root: Path) -> str:
    from stack.complete.htpasswd import htpasswd

    path = root / REGISTRY.folder / SECRET_FOLDER / "htpasswd"
    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror}); correct its owner or mode") from None
    return htpasswd(registry.users(site), before)


def _registry_certificate(site: Settings, authority: Authority) -> list[File]:
    """The certificate under one name, whether it was made here or is the site's own."""
    if registry.issues_certificate(site):
        return authority.issue(REGISTRY.folder, "tls", (site.REGISTRY_HOST, "localhost", "127.0.0.1"), SERVER_USAGE)
    own = {"tls.crt": site.REGISTRY_CERTIFICATE, "tls.key": site.REGISTRY_KEY} if site.REGISTRY_TLS else {}
    return _files(
        REGISTRY.folder,
        {name: Path(path).read_text(encoding="utf-8", errors="surrogateescape") for name, path in own.items()},
    )


def _engine_certificates(authority: Authority) -> list[File]:
    """Of the engine in a container, and of those who may ask it."""
    folder = WORKER_DIND.folder
    server = authority.issue(folder, "dind", ("dind", "localhost", "127.0.0.1"), SERVER_USAGE)
    return server + authority.issue(folder, "dind-client", ("dind-client",), CLIENT_USAGE)


def _login(site: Settings) -> dict[str, str]:
    return {LOGIN: site.PREFECT_API_AUTH_STRING} if site.SERVER_AUTH and site.PREFECT_API_AUTH_STRING else {}


def _api_login(site: Settings) -> dict[str, str]:
    """The login under the name that the server asks for, and under the one that its clients use."""
    login = _login(site)
    return login | ({"PREFECT_SERVER_API_AUTH_STRING": login[LOGIN]} if login else {})


def _server(site: Settings) -> dict[str, str]:
    return _api_login(site) | (_postgres_and_redis(site) if site.SERVER_DATABASE == "postgres" else {})


def _postgres_and_redis(site: Settings) -> dict[str, str]:
    return {
        "PREFECT_SERVER_DATABASE_PASSWORD": site.SERVER_DATABASE_PASSWORD,
        "PREFECT_REDIS_MESSAGING_PASSWORD": site.SERVER_REDIS_PASSWORD,
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_PASSWORD": site.SERVER_REDIS_PASSWORD,
        # Docket takes a URL and no parts.
        "PREFECT_SERVER_DOCKET_URL": redis_url(site.SERVER_REDIS_PASSWORD, "redis"),
        "redis.conf": _redis_conf(site.SERVER_REDIS_PASSWORD),
    }


def _redis_conf(password: str) -> str:
    """Redis' own configuration: the password stands here because an argument would stand in the process list."""
    header = "# Made from .env: edit that and run `python render.py`, not this file."
    return f"{header}\nrequirepass {redis_string(password)}\nappendonly yes\ndir /data\n"
