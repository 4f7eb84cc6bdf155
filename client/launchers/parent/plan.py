"""A plan: every step with its environment, its child's parameters and what it needs, all checked beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from launchers.launching.errors import LaunchError
from launchers.launching.nearest import nearest
from launchers.parent import catalogue as catalogues
from launchers.parent.catalogue import Catalogue
from launchers.parent.environments import TABLE, Job
from launchers.parent.job_config import JobConfig
from launchers.parent.routing import route
from launchers.parent.step import Step


@dataclass(frozen=True)
class PlannedStep:
    """A step that can be started once the steps that it `needs` are over."""

    number: int
    name: str
    needs: tuple[str, ...]
    title: str
    environment: str
    warning: str
    parameters: Mapping[str, Any]

    @property
    def deployment(self) -> str:
        """`flow/deployment` that runs it."""
        return TABLE[self.environment].deployment

    def __str__(self) -> str:
        """`step 2 (pca/train)`, or with its name where the user gave it one."""
        named = "" if self.name == str(self.number) else f"{self.name}: "
        return f"step {self.number} ({named}{self.title})"


def plan(steps: Sequence[Step], catalogue: Catalogue, config: JobConfig) -> list[PlannedStep]:
    """The steps in the order in which they were given. Raises LaunchError with a line for every fault."""
    planned: list[PlannedStep] = []
    faults = [] if steps else ["params_list is empty: write at least one step"]
    for number, step in enumerate(steps, 1):
        found = [*_name_faults(number, steps), *catalogues.faults(catalogue, step.model_name, step.task_name)]
        try:
            if not found:
                planned.append(_planned(number, steps, catalogue, config))
        except LaunchError as fault:
            found = [str(fault)]
        faults += [f"step {number}: {fault}" for fault in found]
    if faults:
        raise LaunchError("\n".join(faults))
    return planned


def _names(steps: Iterable[Step]) -> list[str]:
    """What the steps are called: by their own names, or by their numbers."""
    return [step.name or str(number) for number, step in enumerate(steps, 1)]


def _name_faults(number: int, steps: Sequence[Step]) -> Iterator[str]:
    step, before = steps[number - 1], _names(steps)[: number - 1]
    if step.name.isdecimal():
        yield f"the name {step.name!r} is a number, and numbers are the names of steps that have none"
    elif step.name in before:
        yield f"the name {step.name!r} is taken by an earlier step"
    for need in step.needs or []:
        if need not in before:
            yield f"it needs {need!r}, and no earlier step has that name{nearest(need, before)}"


def _planned(number: int, steps: Sequence[Step], catalogue: Catalogue, config: JobConfig) -> PlannedStep:
    step, called = steps[number - 1], _names(steps)
    environment, warning = route(step.hpc_type or config.hpc_type, config.sites)
    return PlannedStep(
        number=number,
        name=called[number - 1],
        needs=tuple(called[max(number - 2, 0) : number - 1] if step.needs is None else step.needs),
        title=f"{step.model_name}/{step.task_name}",
        environment=environment,
        warning=warning,
        parameters=_parameters(environment, Job(step, catalogue.algorithms[step.model_name], config)),
    )


def _parameters(environment: str, job: Job) -> Mapping[str, Any]:
    try:
        return TABLE[environment].parameters(job)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise LaunchError("; ".join(f"{environment}: {_reason(finding)}" for finding in found)) from None


def _reason(finding: Any) -> str:
    """`max_time: '1 hour' is not valid: ...`: what the child refuses of the catalogue or of config.yml."""
    reason = finding["ctx"]["error"] if finding["type"] == "value_error" else finding["msg"]
    return f"{'.'.join(str(part) for part in finding['loc'])}: {reason}"
