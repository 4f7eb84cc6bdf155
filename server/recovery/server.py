"""The runs of a server: read, and brought from one state to another."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from site_service.errors import ServiceError
from site_service.passing_over import each
from site_service.rest import Rest

from recovery.runs import CRASHED, SCHEDULED, Run, State, run, state
from recovery.verdict import GiveUp, Retry

log = logging.getLogger("recovery")

ACCEPTED = "ACCEPT"
BAD_REQUEST, SERVER_ERROR = 400, 500


class Server:
    """Every change asks the server's own rules, which refuse it where somebody was quicker: a run that has ended
    meanwhile stays ended. The text that comes back says why, and is empty where the change was made."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def active(self, *types: str) -> list[Run]:
        """The runs in a state of these types."""
        return list(self._runs({"state": {"type": {"any_": list(types)}}}))

    def crashed(self, within: timedelta) -> list[Run]:
        """Those that crashed lately and that a worker can start."""
        since = (datetime.now(UTC) - within).isoformat()
        return list(
            self._runs(
                {
                    "state": {"type": {"any_": [CRASHED]}},
                    "end_time": {"after_": since},
                    "deployment_id": {"is_null_": False},
                }
            )
        )

    def history(self, one: Run) -> list[State]:
        """The states that it went through, the first one first."""
        found = self._rest.get("/flow_run_states/", flow_run_id=one.id)
        return sorted(each(found, state, f"state of the flow run {one.id}", log), key=lambda entry: entry.since)

    def crash(self, one: Run, message: str) -> str:
        return self._set(one, {"type": CRASHED, "message": message})

    def retry(self, one: Run, verdict: Retry) -> str:
        # One id for one crash: of two who find the same one, the second is refused.
        transition = uuid.uuid5(uuid.UUID(one.state.id), SCHEDULED)
        details = {"scheduled_time": verdict.at.isoformat(), "transition_id": str(transition)}
        return self._set(
            one, {"type": SCHEDULED, "name": "AwaitingRetry", "message": verdict.message, "state_details": details}
        )

    def give_up(self, one: Run, verdict: GiveUp) -> str:
        # A run that has crashed cannot crash, says the server; it is its message alone that changes.
        return self._set(one, {"type": CRASHED, "message": verdict.message}, force=True)

    def _runs(self, wanted: dict[str, object]) -> Iterator[Run]:
        return each(self._rest.every("/flow_runs/filter", flow_runs=wanted, sort="ID_DESC"), run, "flow run", log)

    def _set(self, one: Run, wanted: dict[str, object], force: bool = False) -> str:
        try:
            answer = self._rest.post(f"/flow_runs/{one.id}/set_state", {"state": wanted, "force": force})
        except ServiceError as error:
            if BAD_REQUEST <= error.status < SERVER_ERROR:  # deleted meanwhile, for one
                return str(error)
            raise
        if answer["status"] == ACCEPTED:
            return ""
        return str((answer.get("details") or {}).get("reason") or answer["status"])
