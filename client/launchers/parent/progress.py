"""How far a plan has come, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from prefect.client.schemas.objects import FlowRun

from launchers.parent.plan import PlannedStep


@dataclass
class Progress:
    """The steps of a plan and the runs that they have so far, by the steps' names.

    `running` are those that go on, `done` those that are Completed, `failed` says how each other one ended.
    """

    steps: Sequence[PlannedStep]
    running: dict[str, FlowRun] = field(default_factory=dict)
    done: dict[str, FlowRun] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def ready(self) -> list[PlannedStep]:
        """The steps that can begin now. After a failure none: the runs that go on may end first."""
        if self.failed:
            return []
        return [step for step in self.waiting() if all(need in self.done for need in step.needs)]

    def waiting(self) -> list[PlannedStep]:
        """The steps that have not begun."""
        begun = {*self.running, *self.done, *self.failed}
        return [step for step in self.steps if step.name not in begun]

    def previous(self, step: PlannedStep) -> str:
        """The id of the run whose result the step reads; empty where it needs none."""
        return str(self.done[step.needs[0]].id) if step.needs else ""

    def complete(self, step: PlannedStep, run: FlowRun) -> None:
        """The step's run is Completed."""
        self.running.pop(step.name, None)
        self.done[step.name] = run

    def fail(self, step: PlannedStep, reason: str) -> None:
        """The step has no run that goes on, and none that is Completed."""
        self.running.pop(step.name, None)
        self.failed[step.name] = f"{step}: {reason}"

    def failure(self) -> str:
        """What failed, and what was therefore not begun."""
        waiting = ", ".join(str(step) for step in self.waiting())
        return "\n".join([*self.failed.values(), *([f"not begun: {waiting}"] if waiting else [])])
