"""Work pools and their workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from site_service.errors import ServiceError
from site_service.rest import Rest

DEFAULT_BEAT_SECONDS = 180.0  # default of PREFECT_FLOWS_HEARTBEAT_FREQUENCY
DEFAULT_REPORT_SECONDS = 30.0  # default of PREFECT_WORKER_HEARTBEAT_SECONDS
HEARTBEAT_VARIABLE = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
GONE = 404


@dataclass(frozen=True)
class Worker:
    """When a worker last reported, and the seconds between two of its reports."""

    reported: str = ""
    every: float = DEFAULT_REPORT_SECONDS


class Workers:
    """The pools of a server."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def of(self, pool: str) -> dict[str, Worker]:
        """The workers of a pool by name; none where the pool is gone."""
        try:
            found = self._rest.every(f"/work_pools/{quote(pool, safe='')}/workers/filter")
            return {one["name"]: _worker(one) for one in found}
        except ServiceError as error:
            if error.status == GONE:
                return {}
            raise

    def beats(self) -> dict[str, float]:
        """The seconds between two heartbeats of a run, by the pool, whose template says so."""
        return {pool["name"]: beat(pool["base_job_template"]) for pool in self._rest.every("/work_pools/filter")}


def _worker(answer: dict[str, Any]) -> Worker:
    every = answer["heartbeat_interval_seconds"] or DEFAULT_REPORT_SECONDS
    return Worker(str(answer["last_heartbeat_time"]), float(every))


def beat(template: dict[str, Any]) -> float:
    """What the template's environment sets, or Prefect's default."""
    variables = template.get("variables", {}).get("properties", {})
    text = str((variables.get("env", {}).get("default") or {}).get(HEARTBEAT_VARIABLE, ""))
    return float(text) if text.isdecimal() else DEFAULT_BEAT_SECONDS
