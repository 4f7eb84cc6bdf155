"""The lists that pages about work pools and blocks ask the API for.

Prefect's server asks a host outside for them and takes its own copy only if that fails (3.9.1: `get_collection_view` in
server/api/collections.py); where nothing answers, the page waits. This one takes the copy.
"""

import json
from pathlib import Path
from typing import Any

from prefect.server.api import collections

VIEWS = Path(collections.__file__).parent / "collections_data" / "views"


def apply() -> None:
    stock: Any = collections
    stock.get_collection_view = view


async def view(name: str) -> dict[str, Any]:
    """Raises KeyError, which the API answers with 404, for a list that Prefect has no copy of."""
    path = VIEWS / f"{name}.json"
    if name not in collections.KNOWN_VIEWS or not path.exists():
        raise KeyError(name)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
