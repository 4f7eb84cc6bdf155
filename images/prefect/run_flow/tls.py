"""One TLS context for Prefect's clients, of which a run has a dozen.

Each would make its own, for plain http too, and that reads all of the certificates: 18 ms of processor time.
"""

import functools
import ssl
from typing import Any

from prefect._internal import version_checking
from prefect.client import orchestration


class SharedContexts:
    """In place of the module `ssl` in Prefect's clients: the same arguments give the same context."""

    create_default_context = staticmethod(functools.cache(ssl.create_default_context))

    def __getattr__(self, name: str) -> Any:
        return getattr(ssl, name)


def share_contexts() -> None:
    contexts = SharedContexts()
    for module in (orchestration, version_checking):
        vars(module)["ssl"] = contexts
