"""Where the parts of a site find each other."""

from stack.settings import Settings

SERVER_PORT_INSIDE = 4200
SERVER = "server"


def api_url(site: Settings, server: str = SERVER) -> str:
    """The API as containers reach it; `server` is what they call the server of this machine."""
    return site.PREFECT_API_URL or f"http://{server}:{SERVER_PORT_INSIDE}/api"


def full_name(site: Settings) -> str:
    """The server's name for those whose resolver passes on no name without a dot: the engine knows it with that of
    its network too."""
    return f"{SERVER}.{site.SITE}"
