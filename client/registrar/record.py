"""What the registrar brought about earlier, kept on the server, so that it can remove what the files drop."""

from __future__ import annotations

import sys
from typing import Any, cast

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from pydantic import Field, ValidationError

SLUG = "registrar-record"


class RegistrarRecord(Block):
    """What one registration file made on this server. The registrar keeps it; leave it alone.

    A variable would be the simpler place, but Prefect caps it at 5000 characters.
    """

    _block_type_name = "Registrar record"
    _block_type_slug = SLUG

    limits: list[str] = Field(default_factory=list)
    deployments: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Record:
    """The record of one owner. Every change is saved at once: a run that is cut off forgets nothing it made."""

    def __init__(self, client: SyncPrefectClient, owner: str) -> None:
        self.owner = owner
        self.block = load(client, owner)

    @property
    def limits(self) -> list[str]:
        """The names of the concurrency limits."""
        return list(self.block.limits)

    @property
    def deployments(self) -> list[str]:
        """The full names (`flow/deployment`) of the deployments."""
        return list(self.block.deployments)

    def remember_limit(self, name: str) -> None:
        if name not in self.block.limits:
            self.block.limits.append(name)
            self._save()

    def forget_limit(self, name: str) -> None:
        self.block.limits.remove(name)
        self._save()

    def deployment(self, name: str) -> dict[str, Any]:
        """What was written of a deployment: `paused`, and `schedules` as id to active."""
        memory = {"paused": None, "schedules": {}, **self.block.deployments.get(name, {})}
        return memory if isinstance(memory["schedules"], dict) else memory | {"schedules": {}}

    def remember_deployment(self, name: str, memory: dict[str, Any]) -> None:
        if self.block.deployments.get(name) != memory:
            self.block.deployments[name] = memory
            self._save()

    def forget_deployment(self, name: str) -> None:
        del self.block.deployments[name]
        self._save()

    def _save(self) -> None:
        self.block.save(self.owner, overwrite=True)


def load(client: SyncPrefectClient, owner: str) -> RegistrarRecord:
    """The owner's record, or an empty one."""
    try:
        client.read_block_document_by_name(owner, SLUG)
    except ObjectNotFound:
        return RegistrarRecord()
    try:
        return cast(RegistrarRecord, RegistrarRecord.load(owner))
    except ValidationError:
        print(
            f"block {SLUG}/{owner}: somebody changed the registrar's record, and it begins a new one: "
            "what earlier registrations made and the files no longer name stays; remove it by hand",
            file=sys.stderr,
        )
        return RegistrarRecord()
