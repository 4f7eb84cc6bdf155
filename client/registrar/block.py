"""Blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, cast

import prefect.blocks.notifications
import prefect.blocks.system
import prefect.filesystems  # noqa: F401  the built-in block types are known once they are imported
from launchers.launching.nearest import nearest
from prefect.blocks.core import Block as PrefectBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from registrar.document import validation_lines
from registrar.outcome import MADE, Outcome, changed, differences
from registrar.record import RegistrarRecord
from registrar.registration import Block

REFERENCE = re.compile(r"\{\{\s*prefect\.blocks\.([\w-]+)\.([\w-]+)\s*\}\}")


def known_types(wanted: str) -> dict[str, type[PrefectBlock]]:
    """The block types by slug: the built-in ones, and those of every package where the wanted one is none of them."""
    kinds = loaded_types()
    if wanted not in kinds:
        for collection in entry_points(group="prefect.collections"):
            collection.load()
    return kinds if wanted in kinds else loaded_types()


def loaded_types() -> dict[str, type[PrefectBlock]]:
    """The block types that are imported, by slug, without the registrar's own."""
    kinds = {kind.get_block_type_slug(): kind for kind in descendants(PrefectBlock)}
    return {slug: kind for slug, kind in kinds.items() if kind is not RegistrarRecord}


def descendants(kind: type[PrefectBlock]) -> Iterator[type[PrefectBlock]]:
    """The classes below a class."""
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def check(block: Block, blocks: list[Block]) -> Iterator[str]:
    """What keeps this block from being made, beside the others of its file."""
    where, kinds = f"block {block.type}/{block.name}", known_types(block.type)
    if block.type not in kinds:
        yield f"{where}: type: unknown block type{nearest(block.type, kinds)}"
        return
    fields = kinds[block.type].model_fields
    known = {field.alias or name for name, field in fields.items()} | set(fields)
    unknown = [key for key in block.values if key not in known]
    yield from (f"{where}: values.{key}: unknown key{nearest(key, known)}" for key in unknown)
    above = {(other.type, other.name): other for other in blocks[: blocks.index(block)]}
    others = {key: above.get(other) for key, other in references(block).items()}
    lacking = [key for key, other in others.items() if other is None]
    yield from (f"{where}: values.{key}: names a block that is not above this one" for key in lacking)
    named = {key: other for key, other in others.items() if other}
    # A fault of another block is reported for that block.
    if not unknown and not lacking and not any(list(check(other, blocks)) for other in named.values()):
        made = {key: kind_of(other)(**other.values) for key, other in named.items()}
        yield from (f"{where}: {line}" for line in value_faults(kind_of(block), block.values | made))


def kind_of(block: Block) -> type[PrefectBlock]:
    """The type of a block whose type is known."""
    return known_types(block.type)[block.type]


def references(block: Block) -> dict[str, tuple[str, str]]:
    """Type and name of the blocks that stand for values of this one, by their keys."""
    found = {key: REFERENCE.fullmatch(value) for key, value in block.values.items() if isinstance(value, str)}
    return {key: (match[1], match[2]) for key, match in found.items() if match}


def value_faults(kind: type[PrefectBlock], values: dict[str, Any]) -> list[str]:
    """What the block type says against the values."""
    try:
        kind(**values)
    except ValidationError as error:
        return [f"values.{line}" for line in validation_lines(error, kind, values)]
    except (TypeError, ValueError) as error:  # a block type's own code
        return [f"values: {error}"]
    return []


def apply(client: SyncPrefectClient, block: Block) -> Outcome:
    """Make the block, or change what differs."""
    name, kind = f"{block.type}/{block.name}", kind_of(block)
    # As a block that the server has, it is saved by reference: its secrets are kept once.
    others = {key: known_types(type_)[type_].load(other) for key, (type_, other) in references(block).items()}
    wanted = kind(**(block.values | others))
    try:
        client.read_block_document_by_name(block.name, block.type)
    except ObjectNotFound:
        wanted.save(block.name)
        return Outcome("block", name, MADE)
    present = cast(PrefectBlock, kind.load(block.name))
    news = differences(wanted.model_dump(), present.model_dump())
    if news:
        wanted.save(block.name, overwrite=True)
    return Outcome("block", name, changed(news))
