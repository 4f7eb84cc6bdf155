"""The files of both UIs, changed where the server unpacks them, so that no page asks anybody outside the site.

Prefect's newer UI asks an analytics service at every page, whatever the setting of analytics (3.9.1: `Am(...)` in
ui-v2/assets/index-*.js), and the pages of blocks show pictures by the URLs in their types. A page gets two things:

- `guard.js`, which runs first: it answers a call to another host with an error and shows a square for a picture of
  one, so the browser does not begin to ask;
- a content security policy, which lets the browser refuse what the guard does not know.

Both allow the host of the page and the one of the API, and nothing else.
"""

import hashlib
import re
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.server.api import server
from prefect.settings import PREFECT_UI_API_URL

GUARD = Path(__file__).with_name("guard.js")
PLACEHOLDER = "/PREFECT_UI_SERVE_BASE_REPLACE_PLACEHOLDER"
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


def apply() -> None:
    stock: Any = server
    stock.UIBundle = partial(_bundle, stock.UIBundle)
    stock.replace_placeholder_string_in_files = partial(_unpacked, stock.replace_placeholder_string_in_files)


def _bundle(stock: Any, *, cache_key: str, **given: Any) -> Any:
    """A UI whose unpacked files are made again if these changes differ from those that they were made with."""
    changes = hashlib.sha256(GUARD.read_bytes() + head("").encode()).hexdigest()[:12]
    return stock(cache_key=f"{cache_key}:{changes}", **given)


def _unpacked(stock: Any, directory: str, placeholder: str, replacement: str, *rest: Any, **more: Any) -> None:
    """Prefect calls this on the files of each UI, once, under a lock."""
    stock(directory, placeholder, replacement, *rest, **more)
    if placeholder == PLACEHOLDER:
        close(Path(directory), replacement)


def close(folder: Path, base: str) -> None:
    """Changes the page of a UI that is served below the path `base`."""
    page = folder / "index.html"
    text, changed = HEAD.subn(lambda match: match[0] + head(base), page.read_text(encoding="utf-8"), count=1)
    if not changed:
        raise RuntimeError(f"{page}: has no <head>, so it cannot be kept from asking other hosts")
    page.write_text(text, encoding="utf-8")
    (folder / GUARD.name).write_bytes(GUARD.read_bytes())


def head(base: str) -> str:
    """What a page begins with, before all that it loads."""
    hosts = escape(" ".join(api_hosts(PREFECT_UI_API_URL.value() or "")))
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(), quote=False)}">'
        f'<script src="{base}/{GUARD.name}" data-hosts="{hosts}"></script>'
    )


def policy() -> str:
    """Limits where a page may ask, and not what its own scripts may do."""
    hosts = " ".join(["'self'", *api_hosts(PREFECT_UI_API_URL.value() or "")])
    return (
        f"default-src {hosts} data: blob: 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; "
        "object-src 'none'; base-uri 'self'"
    )


def api_hosts(url: str) -> list[str]:
    """The sources of a policy that allow the API at this URL; none if it is on the host of the page."""
    parts = urlsplit(url)
    if not parts.netloc:
        return []
    scheme = {"https": "wss"}.get(parts.scheme, "ws")
    host = parts.netloc.rpartition("@")[2]
    return [f"{parts.scheme}://{host}", f"{scheme}://{host}"]
