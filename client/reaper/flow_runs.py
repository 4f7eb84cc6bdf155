"""What the Prefect API knows of flow runs; asked directly, since importing Prefect takes 2 s and 100 MiB."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from flows.containers.errors import LaunchError

from reaper.reaper_env import ReaperEnv

PAGE = 200  # PREFECT_SERVER_API_DEFAULT_LIMIT: a server gives out no more at once
_ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True)
class FlowRun:
    """One flow run; `ended` is when it entered its terminal state, None where it may still run."""

    state: str
    ended: datetime | None
    run_count: int


class FlowRuns:
    """The flow runs of a site. Raises LaunchError where the API does not answer as it should."""

    def __init__(self, env: ReaperEnv) -> None:
        self._http = httpx.Client(
            headers=_login(env.api_login),
            verify=ssl.create_default_context(cafile=env.api_certificates or None),
            timeout=30,
        )
        self._url = f"{env.api_url}/flow_runs/filter"

    def known(self, ids: Collection[str]) -> dict[str, FlowRun]:
        """Those of the flow runs that the API knows, by id."""
        every = sorted(ids)
        pages = [every[start : start + PAGE] for start in range(0, len(every), PAGE)]
        return {run["id"]: _flow_run(run) for page in pages for run in self._page(page)}

    def _page(self, ids: list[str]) -> list[dict[str, Any]]:
        try:
            answer = self._http.post(self._url, json={"flow_runs": {"id": {"any_": ids}}, "limit": PAGE})
        except httpx.TransportError as error:
            raise LaunchError(f"no API answers at {self._url} ({error}): correct PREFECT_API_URL") from None
        if answer.status_code in {401, 403}:
            raise LaunchError(f"the API at {self._url} refused the login: correct PREFECT_API_AUTH_STRING")
        if answer.is_error:
            raise LaunchError(f"the API at {self._url} answered {answer.status_code}: {answer.text[:200]}")
        return list(answer.json())


def _login(login: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}


def _flow_run(run: dict[str, Any]) -> FlowRun:
    state = run["state"] or {"type": "", "name": "without a state"}
    ended = datetime.fromisoformat(state["timestamp"]) if state["type"] in _ENDED else None
    return FlowRun(state["name"], ended, run["run_count"])
