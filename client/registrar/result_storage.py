"""The block that keeps results where neither flow nor work pool names one: the server's own default."""

from __future__ import annotations

from collections.abc import Iterator

from launchers.launching.nearest import nearest
from prefect.client.orchestration import SyncPrefectClient

from registrar import api
from registrar.block import known_types
from registrar.outcome import LEFT, MADE, Outcome
from registrar.registration import Registration


def check(wanted: Registration) -> Iterator[str]:
    """The block has to be one of the file: whatever another one is, it may be gone tomorrow."""
    name, blocks = wanted.result_storage, {f"{block.type}/{block.name}": block for block in wanted.blocks}
    if name and name not in blocks:
        yield f"result_storage: {name!r} is not TYPE/NAME of one of the blocks{nearest(name, blocks)}"
    elif name and not keeps_results(blocks[name].type):
        yield f"result_storage: {name!r} cannot keep results; name a block with files, such as local-file-system"


def keeps_results(slug: str) -> bool:
    """Whether the server takes a block of this type. An unknown type is reported for its block."""
    kind = known_types(slug).get(slug)
    return kind is None or "write-path" in kind.get_block_capabilities()


def apply(client: SyncPrefectClient, wanted: str) -> Outcome:
    """Sets the server's default, if it is another block. The block is on the server already."""
    kind, _, name = wanted.partition("/")
    with api.refusals("result_storage"):
        block = client.read_block_document_by_name(name, kind)
        present = client.read_server_default_result_storage().default_result_storage_block_id
        if present == block.id:
            return Outcome("result storage", wanted, LEFT)
        client.update_server_default_result_storage(block.id)
    return Outcome("result storage", wanted, "changed: block" if present else MADE)
