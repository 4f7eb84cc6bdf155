"""Heartbeats of runs, and whether they can arrive.

Heartbeats are events: the API receives them, Redis passes them on, the background services store them. If one of these
is down or late, no heartbeat arrives. So the recovery sends a test event of its own, and trusts missing heartbeats only
while that event arrives.
"""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from site_service.passing_over import each
from site_service.rest import Rest

from recovery.recovery_env import Patience
from recovery.runs import Run, moment

log = logging.getLogger("recovery")

HEARTBEAT = "prefect.flow-run.heartbeat"
PULSE, SELF = "site.recovery.pulse", "site.recovery"
LOOK_BACK = timedelta(minutes=15)


class Heartbeats:
    """The last heartbeat of each resource, in the words of its sender's clock."""

    def __init__(self, rest: Rest, patience: Patience) -> None:
        self._rest, self._patience = rest, patience

    def send_pulse(self) -> None:
        resource = {"prefect.resource.id": SELF, "prefect.resource.name": "recovery"}
        pulse = {"id": str(uuid.uuid4()), "occurred": _now().isoformat(), "event": PULSE, "resource": resource}
        self._rest.post("/events", [pulse])

    def last(self) -> dict[str, str]:
        """When each resource was last heard, within the last while; nothing at all where the own pulse is not."""
        filters = {"event": {"name": [HEARTBEAT, PULSE]}, "occurred": {"since": (_now() - LOOK_BACK).isoformat()}}
        counts = self._rest.post("/events/count-by/resource", {"filter": filters})
        last = dict(each(counts, _count, "count of events", log))
        own = last.get(SELF)
        heard = own is not None and _now() - moment(own) < self._patience.pulse
        return last if heard else {}

    def is_known(self, run: Run) -> bool:
        """Whether the run was ever heard, or another one of its deployment: then it sends heartbeats.

        For as long as the server keeps them, which is seven days: PREFECT_SERVER_SERVICES_EVENT_RETENTION_OVERRIDES.
        """
        resources = [run.resource] + ([f"prefect.deployment.{run.deployment}"] if run.deployment else [])
        filters = {"event": {"name": [HEARTBEAT]}, "any_resource": {"id": resources}}
        return bool(self._rest.post("/events/filter", {"filter": filters, "limit": 1})["events"])


def _count(answer: Any) -> tuple[str, str]:
    """The resource, and when it was last heard."""
    moment(answer["end_time"])
    return str(answer["value"]), str(answer["end_time"])


def _now() -> datetime:
    return datetime.now(UTC)
