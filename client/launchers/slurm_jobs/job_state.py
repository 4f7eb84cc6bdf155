"""What Slurm says about a job, and what that is to Prefect."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from signal import Signals
from typing import Any

from prefect import State
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Completed, Crashed, Failed

from launchers.launching.output_log import last_lines

# JOB STATE CODES of squeue(1) that a job does not leave, and what each means. All others are on the way to one.
ENDED = {
    "COMPLETED": "has completed",
    "FAILED": "failed with {code}",
    "TIMEOUT": "ran longer than its time limit ({limit}) and was ended: raise max_time",
    "DEADLINE": "could not end before its deadline and was ended",
    "OUT_OF_MEMORY": "was killed for lack of memory ({memory}): raise memory",
    "CANCELLED": "was cancelled on the cluster",
    "REVOKED": "was taken over by another cluster of the federation",
    "PREEMPTED": "was ended for a job of higher priority",
    "NODE_FAIL": "was ended by the failure of its node ({node})",
    "BOOT_FAIL": "could not begin: its node did not start ({node})",
    "LAUNCH_FAILED": "could not begin: its node refused it ({node})",
    "LOST": "is known to Slurm no more, and has left no exit code",
}
# A job that the user's own program ended has Failed; one that the cluster ended has Crashed, and may run again.
_TYPES = {
    "COMPLETED": Completed,
    "CANCELLED": Cancelled,
    "REVOKED": Cancelled,
    "PREEMPTED": Crashed,
    "NODE_FAIL": Crashed,
    "BOOT_FAIL": Crashed,
    "LAUNCH_FAILED": Crashed,
    "LOST": Crashed,
}
_NAMES = {"TIMEOUT": "TimedOut", "DEADLINE": "TimedOut", "OUT_OF_MEMORY": "OutOfMemory"}

SACCT_ROW = re.compile(r"[A-Z_]+\+?( by \d+)?\|")  # State is the first column


@dataclass(frozen=True)
class JobState:
    """A job as Slurm tells it: `exit_code` and `signal` are those of its script, 0 while it has not ended."""

    name: str
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    node: str = ""
    limit: str = ""
    memory: str = ""

    @property
    def is_over(self) -> bool:
        return self.name in ENDED

    def __str__(self) -> str:
        """`PENDING (Resources)`, `RUNNING on node7`."""
        if self.name == "PENDING" and self.reason not in ("", "None"):
            return f"{self.name} ({self.reason})"
        return f"{self.name} on {self.node}" if self.name == "RUNNING" and self.node else self.name


def from_scontrol(line: str) -> JobState:
    """The state in what `scontrol show job --oneliner` prints: NAME=VALUE, separated by spaces."""
    said: dict[str, str] = dict(re.findall(r"(?:^|\s)([A-Za-z/:]+)=(\S*)", line))
    code, _, signal = said.get("ExitCode", "0:0").partition(":")
    return JobState(
        name=said.get("JobState", "UNKNOWN"),
        reason=said.get("Reason", ""),
        exit_code=int(code),
        signal=int(signal or 0),
        node=_real(said.get("NodeList", "")),
        limit=_real(said.get("TimeLimit", "")),
        memory=said.get("MinMemoryNode") or said.get("MinMemoryCPU", ""),
    )


def from_sacct(line: str) -> JobState:
    """The state in what `sacct --parsable2 --format=State,ExitCode,NodeList,Timelimit,ReqMem` prints."""
    name, code, node, limit, memory = (line.split("|") + [""] * 5)[:5]
    code, _, signal = code.partition(":")
    # `CANCELLED by 1000` names the user
    return JobState(name.split()[0], "", int(code or 0), int(signal or 0), node, limit, memory)


def from_exit_code(text: str) -> JobState:
    """The state of a job that Slurm has forgotten, from what its script left: its number and its exit code."""
    words = text.split()
    if len(words) != 2 or not words[1].isdecimal():
        return JobState("LOST")
    code = int(words[1])
    return JobState("FAILED" if code else "COMPLETED", exit_code=code)


def final_state(job: str, state: JobState, last: Sequence[str]) -> State[Any]:
    """The flow run's state for a job that is over; `last` are the last lines of its output."""
    said = ENDED[state.name].format(
        code=_code(state),
        limit=state.limit or "its partition's",
        memory=f"limit {state.memory}" if state.memory else "its partition's limit",
        node=state.node or "unknown",
    )
    make = _TYPES.get(state.name, Failed)
    made: State[Any] = make(message=f"Slurm job {job} {said}{'' if make is Completed else last_lines(last)}")
    if made.type == StateType.FAILED:
        made.name = _NAMES.get(state.name, made.name)
    return made


def _code(state: JobState) -> str:
    if state.signal:
        return f"signal {state.signal}{_signal(state.signal)}"
    return f"exit code {state.exit_code}{_signal(state.exit_code - 128)}"


def _signal(number: int) -> str:
    """A shell exits with 128 and the number of the signal that ended its program."""
    try:
        return f" ({Signals(number).name})"
    except ValueError:
        return ""


def _real(text: str) -> str:
    return "" if text in ("(null)", "N/A", "UNLIMITED") else text
