"""Work pools and their workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from site_service.errors import ServiceError
from site_service.passing_over import each, name_bad_one
from site_service.rest import Rest

log = logging.getLogger("recovery")

DEFAULT_BEAT_SECONDS = 180.0  # default of PREFECT_FLOWS_HEARTBEAT_FREQUENCY
LEAST_BEAT_SECONDS = 30.0  # Prefect takes no less, and no run sends any then
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
            return dict(each(found, _worker, f"worker of the pool {pool}", log))
        except ServiceError as error:
            if error.status == GONE:
                return {}
            raise

    def beats(self) -> dict[str, float]:
        """The seconds between two heartbeats of a run, by the pool, whose template says so."""
        return dict(each(self._rest.every("/work_pools/filter"), _pool, "work pool", log))


def _pool(answer: Any) -> tuple[str, float]:
    """Its name and its beat. What is wrong with the template is said, and Prefect's default is used."""
    name = str(answer["name"])
    try:
        return name, beat(answer["base_job_template"])
    except (AttributeError, TypeError, ValueError) as error:
        name_bad_one(f"the base job template of the work pool {name}", error, log)
        return name, DEFAULT_BEAT_SECONDS


def _worker(answer: Any) -> tuple[str, Worker]:
    every = float(answer["heartbeat_interval_seconds"] or 0)
    return str(answer["name"]), Worker(
        str(answer["last_heartbeat_time"]), every if every > 0 else DEFAULT_REPORT_SECONDS
    )


def beat(template: dict[str, Any]) -> float:
    """What the template's environment sets, or Prefect's default. Raises the errors of what has another form."""
    properties = (template.get("variables") or {}).get("properties") or {}
    text = str(((properties.get("env") or {}).get("default") or {}).get(HEARTBEAT_VARIABLE, ""))
    if not text.isdecimal():
        return DEFAULT_BEAT_SECONDS
    if float(text) < LEAST_BEAT_SECONDS:
        raise ValueError(f"{HEARTBEAT_VARIABLE}={text}: write at least {LEAST_BEAT_SECONDS:.0f}")
    return float(text)
