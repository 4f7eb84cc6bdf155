"""The version of Prefect, from the lock file of the Prefect image."""

import re
from functools import cache

from stack.core.repo import REPO

LOCK = REPO / "images" / "prefect" / "requirements.txt"


@cache
def prefect_version() -> str:
    """The version of Prefect that the lock pins."""
    pins: dict[str, str] = dict(re.findall(r"^(\S+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    return pins["prefect"]
