"""What a user asks for when running a batch job: the parameters of `launch_slurm`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from launchers.launching.params import Params

# sbatch(1), --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes[:seconds]
_TIME = re.compile(r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_HOST = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?")
_GPUS = re.compile(r"([a-z][a-z0-9_]*:)?[1-9]\d*")
_MEMORY = re.compile(r"\d+[KMGTkmgt]?")
# What the flow itself says to sbatch: it could not find its job again, or read its output, with another.
_TAKEN = re.compile(r"--(array|comment|output|error|open-mode|parsable|wait|wrap|test-only|job-name|nodes|time)(=|$)")


def _pattern(pattern: re.Pattern[str], example: str) -> AfterValidator:
    def check(text: str) -> str:
        if text and not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not valid: write {example}")
        return text

    return AfterValidator(check)


def _option(text: str) -> str:
    if not re.fullmatch(r"--[a-z][^\n\0]*", text):
        raise ValueError(f"{text!r} is not a long option of sbatch: write for example --account=m1234")
    if _TAKEN.match(text):
        raise ValueError(f"{text!r} is set by the flow: leave it out, or use the parameter for it")
    return text


Name = Annotated[str, _pattern(_NAME, "letters, digits and . _ + -, beginning with a letter or digit")]
MaxTime = Annotated[str, _pattern(_TIME, "minutes, hours:minutes:seconds or days-hours, for example 1:30:00")]
Memory = Annotated[str, _pattern(_MEMORY, "a whole number and K, M, G or T, for example 4G")]
Host = Annotated[str, _pattern(_HOST, "HOST, USER@HOST or USER@HOST:PORT")]
Gpus = Annotated[str, _pattern(_GPUS, "a number, or a type and a number, for example a100:2")]


class SlurmParams(BaseModel):
    """A batch job: what it runs, where, and how much it may take. Paths are the cluster's."""

    model_config = ConfigDict(extra="forbid")

    job_name: Name = Field(min_length=1, description="The job's name in the queue.")
    num_nodes: int = Field(default=1, ge=1, description="Nodes; on more than one, srun starts the script on each.")
    partitions: list[Name] = Field(default=[], description="Slurm takes the one that can begin first.")
    reservations: list[Name] = Field(default=[], description="Slurm takes the one that can begin first.")
    max_time: MaxTime = Field(default="", description="Time limit, for example 1:30:00; empty: the partition's.")
    memory: Memory = Field(default="", description="Memory of a node, for example 4G; empty: the partition's.")
    cpus: int | None = Field(default=None, ge=1, description="Cores of a task.")
    gpus: Gpus = Field(default="", description="GPUs of a node, for example 1; empty: none.")
    options: list[Annotated[str, AfterValidator(_option)]] = Field(
        default=[], description="More options of sbatch, for example --account=m1234."
    )
    prologue: str = Field(default="", description="Shell lines that the job begins with.")
    conda_env_name: str = Field(default="", description="Environment; empty: the python3 of the node.")
    python_file_name: str = Field(min_length=1, description="Script, on the cluster.")
    params: Params = Field(default_factory=Params, description="Written to a file whose path is the script's argument.")
    submission_host: Host = Field(
        default="", description="USER@HOST[:PORT] of a login node; empty: the site's, or the worker's own machine."
    )
    submission_ssh_key: str = Field(default="", description="Private key for it; empty: the worker's own.")
    work_dir: str = Field(default="", description="Shared by login and compute nodes; empty: ~/prefect-site.")
    poll_seconds: float = Field(default=5, gt=0, description="Seconds between two looks at the job.")
