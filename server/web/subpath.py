"""UI and API below a path of a host, such as https://host/prefect/, behind a proxy that keeps or strips the path.

Prefect can serve the UI below a path (PREFECT_SERVER_UI_SERVE_BASE), and the API then stays at /api. Here the path is
taken off for the API, and put before the pages of the UI if a proxy has stripped it. So workers and health checks,
which use no proxy, need not know about the path.
"""

from functools import partial
from typing import Any

OF_THE_SERVER = ("/api", "/docs", "/redoc", "/openapi.json")


def apply() -> None:
    from prefect.server.api import server  # seconds, which the rest of this file does not need
    from prefect.settings import PREFECT_UI_SERVE_BASE

    base = (PREFECT_UI_SERVE_BASE.value() or "").rstrip("/")
    if base:
        stock: Any = server
        stock.create_app = partial(_below, stock.create_app, base)


def _below(stock: Any, base: str, *arguments: Any, **named: Any) -> "Below":
    return Below(stock(*arguments, **named), base)


class Below:
    """An ASGI application that another one answers."""

    def __init__(self, app: Any, base: str) -> None:
        self.app = app
        self.base = base

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            path = path_inside(scope["path"], self.base)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)


def path_inside(path: str, base: str) -> str:
    """The path under which the server knows what a browser, a proxy or a worker asked for."""
    stripped = path.removeprefix(base) if _is_below(path, base) else path
    if any(_is_below(stripped, one) for one in OF_THE_SERVER):
        return stripped
    return base + (stripped or "/")


def _is_below(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")
