"""An algorithm's parameters file: what a user asks for, and the ids that a launch fills in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class IoParameters(BaseModel):
    """Where the algorithm reads from and writes to; an algorithm's own keys pass untouched."""

    model_config = ConfigDict(extra="allow")

    uid_retrieve: str = Field(default="", description="Flow run whose result is read; empty: prev_flow_run_id.")
    uid_save: str = Field(default="", description="Filled with the id of this flow run.")


class Params(BaseModel):
    """The parameters file; everything beside `io_parameters` is the algorithm's own."""

    model_config = ConfigDict(extra="allow")

    io_parameters: IoParameters = Field(default_factory=IoParameters)

    def of_run(self, flow_run_id: str, prev_flow_run_id: str) -> dict[str, object]:
        """The content of the parameters file for this run; `self` stays as it is."""
        uids = {"uid_retrieve": self.io_parameters.uid_retrieve or prev_flow_run_id, "uid_save": flow_run_id}
        content = self.model_dump(mode="json")
        return {**content, "io_parameters": {**content["io_parameters"], **uids}}
