"""A file in the format of `prefect deploy` (prefect.yaml), with the keys that Prefect itself would ignore refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from registrar.document import Section, parse
from registrar.errors import RegistrarError
from registrar.timing import cron, interval, meaning, rule
from registrar.timing.errors import MeaningError

Text = Annotated[str, Field(min_length=1)]
Step = Annotated[dict[str, dict[str, Any] | None], Field(min_length=1, max_length=1)]


def _as_list(value: Any) -> Any:
    """A single step may stand for a list of it, and `{}` for none, as with `prefect deploy`."""
    return ([value] if value else None) if isinstance(value, dict) else value


Steps = Annotated[list[Step] | None, BeforeValidator(_as_list)]
Timing = CronSchedule | IntervalSchedule | RRuleSchedule


class Schedule(Section):
    """When a deployment runs by itself: exactly one of cron, interval (seconds, or like PT1H) and rrule."""

    cron: str | None = None
    interval: Annotated[timedelta, Field(gt=timedelta(0), strict=False)] | None = None
    rrule: str | None = None
    timezone: Text | None = None
    anchor_date: Text | None = None
    day_or: bool = True
    active: bool = True
    parameters: dict[str, Any] = Field(default_factory=dict)
    slug: Text | None = None
    replaces: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> Schedule:
        kinds = [kind for kind in ("cron", "interval", "rrule") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"has {' and '.join(kinds) or 'none of them'}; write exactly one of cron, interval, rrule")
        try:
            self._take_meaning()
        except (ValueError, TypeError) as error:
            raise ValueError(f"{kinds[0]}: {first_message(error)}") from None
        return self

    def _take_meaning(self) -> None:
        """What is meant takes the place of words that Prefect reads otherwise. Prefect's own faults come first."""
        fault: ValueError | None = None
        try:
            self._read()
        except MeaningError:
            raise
        except ValueError as error:
            fault = error
        self.timing()
        if fault:
            raise fault
        meant, faults = meaning.of(self.words)
        if faults:
            raise ValueError(f"{faults[0][0]}: {faults[0][1]}" if faults[0][0] == "anchor_date" else faults[0][1])
        for name in ("timezone", "anchor_date", "rrule"):
            setattr(self, name, meant.get(name))

    def _read(self) -> None:
        if self.cron is not None:
            self.cron = cron.read(self.cron)
        if self.rrule is not None:
            self.rrule = rule.read(self.rrule)
        if self.anchor_date is not None:
            self.anchor_date = interval.read_anchor(self.anchor_date)

    @property
    def words(self) -> dict[str, Any]:
        """What the code that render shares knows of a schedule."""
        given = self.model_dump(include={"cron", "rrule", "timezone", "anchor_date", "day_or"}, exclude_none=True)
        return given | ({"interval": self.interval.total_seconds()} if self.interval else {})

    def warnings(self) -> list[str]:
        """What Prefect will do otherwise than the schedule says."""
        return [f"{name}: {text}" for name, text in meaning.warnings(self.words)] if self.active else []

    def timing(self) -> Timing:
        """The schedule as Prefect knows it. Raises ValueError where Prefect would refuse it."""
        given = self.model_dump(include={"timezone", "anchor_date"}, exclude_none=True)
        if self.cron is not None:
            return CronSchedule(cron=self.cron, day_or=self.day_or, timezone=self.timezone)
        if self.rrule is not None:
            return RRuleSchedule(rrule=self._started_rule(self.rrule), timezone=self.timezone)
        return IntervalSchedule(interval=self.interval, **given)  # type: ignore[arg-type]  # _fits

    def _started_rule(self, text: str) -> str:
        """One with DTSTART starts near today: Prefect does that itself for one without, to have fewer steps to go."""
        if "DTSTART" not in text.upper():
            return text
        now = datetime.now(UTC).astimezone(ZoneInfo(self.timezone or "UTC")).replace(tzinfo=None)
        return rule.with_recent_start(text, now)


def first_message(error: Exception) -> str:
    """The heart of an error, in one line."""
    if isinstance(error, ValidationError):
        return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
    return str(error).splitlines()[0]


class ConcurrencyLimit(Section):
    """How many runs of the deployment go at once, and whether one too many waits or is cancelled."""

    limit: Annotated[int, Field(gt=0)]
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] | None = None
    grace_period_seconds: Annotated[int, Field(ge=60, le=86400)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return {"limit": value} if isinstance(value, int) else value

    @property
    def options(self) -> dict[str, Any] | None:
        """All but the limit itself, with Prefect's own strategy if none is set; None if nothing else is set."""
        given = self.model_dump(exclude={"limit"}, exclude_none=True)
        return {"collision_strategy": "ENQUEUE", **given} if given else None


class WorkPool(Section):
    """Where the runs go, and with which job variables."""

    name: Text
    work_queue_name: Text | None = None
    job_variables: dict[str, Any] | None = None


class Deployment(Section):
    """One entry of `deployments`."""

    name: Text
    entrypoint: Text
    work_pool: WorkPool
    version: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    parameters: dict[str, Any] | None = None
    enforce_parameter_schema: bool = True
    paused: bool | None = None
    concurrency_limit: ConcurrencyLimit | None = None
    schedules: list[Schedule] | None = None
    pull: Steps = None
    build: Steps = None
    push: Steps = None
    # `prefect deploy` writes the first into the files that it saves, and reads it nowhere. Of the others the registrar
    # says why it does not take them.
    flow_name: str | None = None
    version_type: Any = None
    triggers: Any = None
    sla: Any = None


class DeploymentFile(Section):
    """The whole file. `definitions` is for anchors alone."""

    model_config = ConfigDict(populate_by_name=True)

    definitions: Any = None

    name: str | None = None
    prefect_version: str | None = Field(default=None, alias="prefect-version")
    build: Steps = None
    push: Steps = None
    pull: Steps = None
    deployments: list[Deployment] = Field(default_factory=list)


def read(path: Path, environment: Mapping[str, str] = os.environ) -> list[Deployment]:
    """The deployments of a file, each with the pull steps that hold for it. Raises RegistrarError."""
    file = parse(path, DeploymentFile, environment)
    for deployment in file.deployments:
        deployment.pull = file.pull if deployment.pull is None else deployment.pull
    if lines := [f"{path}: {line}" for line in faults(file)]:
        raise RegistrarError(*lines)
    return file.deployments


def faults(file: DeploymentFile) -> Iterator[str]:
    """What is fine for `prefect deploy` and not for the registrar."""
    if file.build or file.push:
        yield "build, push: the registrar builds no images; leave them out, or use prefect deploy for this file"
    for deployment in file.deployments:
        where = f"deployment {deployment.name}"
        if deployment.build or deployment.push:
            yield f"{where}: build, push: the registrar builds no images; leave them out"
        if deployment.triggers or deployment.sla:
            yield f"{where}: triggers, sla: the registrar makes neither; leave them out, or use prefect deploy"
        if deployment.version_type:
            yield f"{where}: version_type: the registrar makes simple versions only; leave it out"
        if deployment.pull is None:
            yield f"{where}: pull: is missing; say where workers find the code, or write [] where the image holds it"
        yield from (f"{where}: schedules: the slug {slug!r} appears twice" for slug in repeated_slugs(deployment))


def repeated_slugs(deployment: Deployment) -> set[str]:
    """Slugs that more than one schedule has."""
    slugs = [schedule.slug for schedule in deployment.schedules or [] if schedule.slug]
    return {slug for slug in slugs if slugs.count(slug) > 1}
