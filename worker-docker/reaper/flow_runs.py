"""What the Prefect API knows of flow runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from site_service.rest import PAGE, Rest

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

    def known(self, ids: Collection[str]) -> dict[str, FlowRun]:
        """Those of the flow runs that the API knows, by id."""
        every = sorted(ids)
        pages = [every[start : start + PAGE] for start in range(0, len(every), PAGE)]
        return {run["id"]: _flow_run(run) for page in pages for run in self._page(page)}

    def _page(self, ids: list[str]) -> list[dict[str, Any]]:
        return list(self._rest.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": ids}}, "limit": PAGE}))


def _flow_run(run: dict[str, Any]) -> FlowRun:
    state = run["state"] or {"type": "", "name": "without a state"}
    ended = datetime.fromisoformat(state["timestamp"]) if state["type"] in _ENDED else None
    return FlowRun(state["name"], ended, run["run_count"])
