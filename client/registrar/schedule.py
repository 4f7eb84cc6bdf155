"""Schedules of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import SCHEDULE_TYPES, IntervalSchedule, RRuleSchedule

from registrar.deployment_file import Schedule, Timing
from registrar.outcome import LEFT, MADE, REMOVED, Outcome, changed, differences
from registrar.timing import rule

KIND = "schedule"


@dataclass(frozen=True)
class Schedules:
    """The schedules of one deployment on the server.

    `ours` maps the ids of those that came from a file to the `active` that the file asked for. The others were added
    by somebody in the UI and are left alone.
    """

    client: SyncPrefectClient
    deployment_id: UUID
    deployment: str
    ours: dict[str, bool]

    def bring_to(self, wanted: list[Schedule]) -> tuple[list[Outcome], dict[str, bool]]:
        """Make, change and remove until they are as the file says. Gives the new `ours` too."""
        present = self.client.read_deployment_schedules(self.deployment_id)
        outcomes, ours = [], {}
        for schedule in wanted:
            match = find(schedule, present)
            if match:
                present.remove(match)
            identity, state = self.update(schedule, match) if match else self.make(schedule)
            ours[str(identity)] = schedule.active
            outcomes.append(self.outcome(schedule.slug, schedule.timing(), state))
        return outcomes + [self.remove(gone) for gone in present if str(gone.id) in self.ours], ours

    def make(self, schedule: Schedule) -> tuple[UUID, str]:
        """A new schedule: its id, and what became of it."""
        order = DeploymentScheduleCreate(
            schedule=schedule.timing(), active=schedule.active, parameters=schedule.parameters, slug=schedule.slug
        )
        return self.client.create_deployment_schedules(self.deployment_id, [order])[0].id, MADE

    def update(self, schedule: Schedule, present: DeploymentSchedule) -> tuple[UUID, str]:
        """Change what differs. `active` follows the file only where the file changed its mind since the last time."""
        news = news_of(schedule, present)
        asked_before = self.ours.get(str(present.id), schedule.active)
        if schedule.active not in (asked_before, present.active):
            news["active"] = schedule.active
        if news:
            # An update that does not repeat the parameters sets them to {}: `update_deployment_schedule` in Prefect's
            # server/models/deployments.py (3.9.1).
            whole = {"parameters": schedule.parameters} | news
            self.client.update_deployment_schedule(self.deployment_id, present.id, **whole)
        return present.id, changed(news) if news else LEFT

    def remove(self, schedule: DeploymentSchedule) -> Outcome:
        """Remove a schedule that the file no longer has."""
        self.client.delete_deployment_schedule(self.deployment_id, schedule.id)
        return self.outcome(schedule.slug, schedule.schedule, REMOVED)

    def outcome(self, slug: str | None, timing: SCHEDULE_TYPES, state: str) -> Outcome:
        """Named `weather/weather daily`, or by what it says where it has no slug."""
        said = slug or getattr(timing, "cron", None) or getattr(timing, "rrule", None)
        return Outcome(KIND, f"{self.deployment} {said or f'every {timing.interval}'}", state)  # type: ignore[union-attr]


def find(schedule: Schedule, present: list[DeploymentSchedule]) -> DeploymentSchedule | None:
    """The server's schedule that is this one: by slug, else by what it says."""
    if schedule.slug:
        by_slug = {candidate.slug: candidate for candidate in present}
        return by_slug.get(schedule.slug) or (by_slug.get(schedule.replaces) if schedule.replaces else None)
    return next((candidate for candidate in present if not news_of(schedule, candidate)), None)


def news_of(schedule: Schedule, present: DeploymentSchedule) -> dict[str, Any]:
    """What of the schedule differs on the server; not `active`, since users pause schedules in the UI."""
    wanted = {"schedule": anchored(schedule, present.schedule), "parameters": schedule.parameters}
    return differences({**wanted, "slug": schedule.slug}, dict(present))


def anchored(schedule: Schedule, present: SCHEDULE_TYPES) -> Timing:
    """The timing; one that the file gives no anchor keeps the one that it got when it was made."""
    timing = schedule.timing()
    if isinstance(timing, IntervalSchedule) and isinstance(present, IntervalSchedule) and not schedule.anchor_date:
        return timing.model_copy(update={"anchor_date": present.anchor_date})
    if isinstance(timing, RRuleSchedule) and isinstance(present, RRuleSchedule) and has_times(present, timing):
        return present
    return timing


def has_times(present: RRuleSchedule, timing: RRuleSchedule) -> bool:
    """Whether the server's rule, to which Prefect adds a line DTSTART where there is none, has these times."""
    now = datetime.now(UTC).astimezone(ZoneInfo(timing.timezone or "UTC")).replace(tzinfo=None)
    return present.timezone == timing.timezone and rule.same(timing.rrule, present.rrule, now)
