"""What every component with flows has: the paths in this repository that it reads, and the memory that it needs."""

from stack.settings.settings import Settings
from stack.settings.values import KILOBYTE

FLOW_SOURCES = ("client/flows", "client/launchers", "client/registrar")
PUBLISH_MEMORY = "512m"
# Of a run that is a process of its worker, in MiB: one that computes, and one that waits for others.
RUN_MEMORY, WAITING_RUN_MEMORY = 2048, 256


def memory_of_runs(limit: str, megabytes: int, settings: Settings) -> str:
    """Memory of a worker whose runs are its own processes; `limit` is the setting with their number."""
    runs: int = getattr(settings, limit)
    return f"{KILOBYTE + megabytes * runs}m"
