"""What a user asks for when running a script in a conda environment: the parameters of `launch_conda`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from launchers.launching.params import Params


class CondaParams(BaseModel):
    """A script to run, in which environment, and with what."""

    model_config = ConfigDict(extra="forbid")

    conda_env_name: str = Field(min_length=1, description="Environment's name.")
    python_file_name: str = Field(min_length=1, description="Script of the worker's machine, or below its algorithms.")
    params: Params = Field(default_factory=Params, description="Written to a file whose path is the script's argument.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds after which the script is stopped.")
