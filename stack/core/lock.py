"""The lock file of the Prefect image, as far as render needs it."""

import re
from functools import cache

from stack.core.repo import REPO

LOCK = REPO / "images" / "prefect" / "requirements.txt"


@cache
def prefect_version() -> str:
    """The one version of Prefect that the lock names."""
    pins: dict[str, str] = dict(re.findall(r"^(\S+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    return pins["prefect"]
