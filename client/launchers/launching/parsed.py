"""Text that a user writes and that is parsed once: it stays the text, and carries what it says."""

from __future__ import annotations

from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Parsed(str):
    """A string for models, whose constructor raises ValueError where it cannot be parsed."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        plain = core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema())
        return core_schema.no_info_after_validator_function(cls.of, handler(str), serialization=plain)

    @classmethod
    def of(cls, text: str) -> Self:
        return text if isinstance(text, cls) else cls(text)
