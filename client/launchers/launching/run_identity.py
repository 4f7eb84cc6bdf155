"""Which flow run a container or a file belongs to: its name and its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SITE_LABEL = "site"
ROLE_LABEL = "site.role"
ATTEMPT_LABEL = "site.attempt"
FLOW_RUN_LABEL = "io.prefect.flow-run-id"  # set by Prefect's Docker worker too
LAUNCHED = "launched"

_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([0-9]+)")


@dataclass(frozen=True)
class RunIdentity:
    """One attempt of one flow run; `attempt` is the flow run's run count, from 1."""

    flow_run_id: str
    attempt: int

    @property
    def name(self) -> str:
        """Unique to the attempt, so that a second one never meets the first one's container or file."""
        return f"{self.flow_run_id}-{self.attempt}"

    def labels(self, site: str, more: Mapping[str, str]) -> dict[str, str]:
        """The labels of the launched container; the ones of `more` cannot replace the others."""
        own = {
            SITE_LABEL: site,
            ROLE_LABEL: LAUNCHED,
            FLOW_RUN_LABEL: self.flow_run_id,
            ATTEMPT_LABEL: str(self.attempt),
        }
        return {**more, **own}


def identity_of(name: str) -> RunIdentity | None:
    """The identity that `RunIdentity.name` was made from; None for any other name."""
    match = _NAME.fullmatch(name)
    return RunIdentity(match[1], int(match[2])) if match else None
