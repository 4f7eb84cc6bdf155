"""Heartbeats of runs, and whether they could have been heard.

They are events: the API takes them, Redis passes them on, the background services write them down. Where one of these
is away or late nothing is heard of anybody. So the recovery sends a pulse of its own the same way, and goes by what it
hears of others only while it hears itself.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from service.rest import Rest

from recovery.recovery_env import Patience

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
        last = {count["value"]: count["end_time"] for count in counts}
        own = last.get(SELF)
        heard = own is not None and _now() - datetime.fromisoformat(own) < self._patience.pulse
        return last if heard else {}

    def was_ever_heard(self, resource: str) -> bool:
        """Also before the last while."""
        filters = {"event": {"name": [HEARTBEAT]}, "resource": {"id": [resource]}}
        return bool(self._rest.post("/events/filter", {"filter": filters, "limit": 1})["events"])


def _now() -> datetime:
    return datetime.now(UTC)
