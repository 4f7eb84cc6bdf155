"""`registration.yaml`: what the registrar brings about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from registrar.document import Section, parse

Name = Annotated[str, Field(min_length=1)]


class FlowCode(Section):
    """Flow code: the folder `source`, and the folders of these names beside it."""

    source: Name
    beside: list[Name] = Field(default_factory=list)


class Publish(FlowCode):
    """Flow code that workers read from another folder: copied from `source` to `target`, and the others beside it."""

    target: Name


class Push(FlowCode):
    """Flow code that runs pull from a bucket: a folder FOLDER/VERSION in it, of which the newest `keep` stay.

    `credentials` is the name of a block of the type aws-credentials.
    """

    bucket: Name
    folder: Name
    credentials: Name
    keep: Annotated[int, Field(ge=1)] = 10


class Pool(Section):
    """A work pool. A key that is left out keeps what the server has."""

    name: Name
    type: Name
    base_job_template: Name | None = None
    concurrency_limit: Annotated[int, Field(ge=0)] | None = None
    description: str | None = None


class Limit(Section):
    """A global concurrency limit. `slot_decay_per_second` above 0 makes a rate limit of it."""

    name: Name
    limit: Annotated[int, Field(ge=0)]
    slot_decay_per_second: Annotated[float, Field(ge=0)] = 0.0


class Block(Section):
    """A block: its type's slug, its name, and the values of its fields."""

    type: Name
    name: Name
    values: dict[str, Any] = Field(default_factory=dict)


class Registration(Section):
    """The whole file. `owner` tells the things of one file from those of another on the same server. `result_storage`
    is TYPE/NAME of one of the blocks, the server's default for results; without it the default stays as it is."""

    owner: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")] = "site"
    publish: Publish | None = None
    push: Push | None = None
    pools: list[Pool] = Field(default_factory=list)
    concurrency_limits: list[Limit] = Field(default_factory=list)
    blocks: list[Block] = Field(default_factory=list)
    result_storage: Name | None = None
    deployments: list[Name] = Field(default_factory=list)


def read(path: Path) -> Registration:
    """The file, checked. Raises RegistrarError."""
    return parse(path, Registration)
