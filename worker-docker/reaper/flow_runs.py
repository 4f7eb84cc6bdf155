"""What the Prefect API knows of flow runs."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from site_service.errors import ServiceError
from site_service.passing_over import each, name_bad_one
from site_service.rest import PAGE, Rest

log = logging.getLogger("reaper")

_ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True)
class FlowRun:
    """One flow run; `ended` is when it entered its terminal state, None where it may still run."""

    state: str
    ended: datetime | None
    run_count: int


class FlowRuns:
    """The flow runs of a site. Raises ServiceError where the API does not answer as it should."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def known(self, ids: Collection[str]) -> dict[str, FlowRun | None]:
        """Those of the flow runs that the API knows, by id; None is one whose answer cannot be read."""
        every = sorted(ids)
        pages = [every[start : start + PAGE] for start in range(0, len(every), PAGE)]
        return dict(each((run for page in pages for run in self._page(page)), _known, "flow run", log))

    def _page(self, ids: list[str]) -> list[Any]:
        page = self._rest.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": ids}}, "limit": PAGE})
        if not isinstance(page, list):
            raise ServiceError(f"the API gave no list of flow runs: {str(page)[:200]}")
        return page


def _known(run: Any) -> tuple[str, FlowRun | None]:
    identity = str(run["id"])
    try:
        return identity, _flow_run(run)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        name_bad_one(f"flow run {identity}", error, log)
        return identity, None


def _flow_run(run: dict[str, Any]) -> FlowRun:
    state = run["state"] or {"type": "", "name": "without a state"}
    ended = _moment(state["timestamp"]) if state["type"] in _ENDED else None
    return FlowRun(str(state["name"]), ended, int(run["run_count"] or 0))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
