"""Where the parts of a site find each other."""

from stack.components.settings import Settings
from stack.core import url

SERVER_PORT_INSIDE = 4200
SERVER = "server"


def api_url(site: Settings, server: str = SERVER) -> str:
    """The API as containers reach it; `server` is what they call the server of this machine."""
    return site.PREFECT_API_URL or url.http(server, SERVER_PORT_INSIDE, "/api")


def api_url_here(site: Settings) -> str:
    """The API as people on this machine reach it: by the URL that the site gives them, else on the server's port."""
    return site.PREFECT_API_URL or site.SERVER_UI_API_URL or api_url_direct(site)


def api_url_direct(site: Settings) -> str:
    """The API as this machine reaches it, without the proxy that people may go through."""
    return site.PREFECT_API_URL or url.http(url.callable_here(site.SERVER_BIND), site.SERVER_PORT, "/api")


def api_url_of_processes(site: Settings) -> str:
    """The API as processes on this machine reach it: their own server listens on loopback only."""
    return site.PREFECT_API_URL or url.http("127.0.0.1", site.SERVER_PORT, "/api")


def ui_url(site: Settings) -> str:
    """The UI of this machine's server, without a proxy in front of it."""
    host = "localhost" if url.is_default_loopback(site.SERVER_BIND) else site.SERVER_BIND
    return url.http(host, site.SERVER_PORT)


def full_name(site: Settings) -> str:
    """The server's name for those whose resolver passes on no name without a dot: the engine knows it with that of
    its network too."""
    return f"{SERVER}.{site.SITE}"
