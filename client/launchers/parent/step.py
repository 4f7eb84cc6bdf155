"""A step: what a user asks the parent flow for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from launchers.launching.params import Params


class Step(BaseModel):
    """One task of one model. A list of steps is a chain, unless steps say what they need."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_name: str = Field(min_length=1, description="Algorithm of the catalogue.")
    task_name: str = Field(min_length=1, description="Task of that algorithm.")
    params: Params = Field(default_factory=Params, description="The algorithm's parameters file.")
    hpc_type: str = Field(default="", description="Site or environment; empty: the one of config.yml.")
    name: str = Field(default="", description="What other steps call this one; empty: its number.")
    needs: list[str] | None = Field(
        default=None,
        description="Steps that come first, by name; the first of them is the one whose result is read. "
        "Left out: the step before. Empty: none.",
    )
