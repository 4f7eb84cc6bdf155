"""Where the parts of a site find each other."""

from ipaddress import ip_address

from stack.components.settings import Settings

SERVER_PORT_INSIDE = 4200
SERVER = "server"


def api_url(site: Settings, server: str = SERVER) -> str:
    """The API as containers reach it; `server` is what they call the server of this machine."""
    return site.PREFECT_API_URL or f"http://{server}:{SERVER_PORT_INSIDE}/api"


def api_url_here(site: Settings) -> str:
    """The API as people on this machine reach it: by the URL that the site gives them, else on the server's port."""
    if site.PREFECT_API_URL or site.SERVER_UI_API_URL:
        return site.PREFECT_API_URL or site.SERVER_UI_API_URL
    bind = ip_address(site.SERVER_BIND)
    host = ("::1" if bind.version == 6 else "127.0.0.1") if bind.is_unspecified else str(bind)
    return f"http://{f'[{host}]' if bind.version == 6 else host}:{site.SERVER_PORT}/api"


def full_name(site: Settings) -> str:
    """The server's name for those whose resolver passes on no name without a dot: the engine knows it with that of
    its network too."""
    return f"{SERVER}.{site.SITE}"
