"""JSON as the rules need it: read so that it means one thing only, written anew.

The engine is written in Go, whose decoder takes the last of two equal keys and matches keys without regard to case
(`"privileged"`, even with the Kelvin sign for `k`). Nothing of the client's text is passed on: what was read is
examined with exact keys and written again, so there is nothing left for the engine to read differently.
"""

import json
from typing import NoReturn, TypeAlias

from socket_proxy.refusal import RefusedError

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None
Document: TypeAlias = dict[str, Value]


def read(data: bytes, what: str = "the body") -> Document:
    """The object in `data`; raises RefusedError (400) for anything that is not exactly one JSON object."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_pairs, parse_constant=_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{what} is no JSON: {type(error).__name__}", status=400) from None
    if not isinstance(value, dict):
        raise RefusedError(f"{what} is no JSON object", status=400)
    return value


def write(value: Value) -> bytes:
    return json.dumps(value).encode()


def is_zero(value: Value) -> bool:
    """True for what Go would have without the key: null, false, 0, "", [], {}, and an object of just these."""
    return not any(value.values()) if isinstance(value, dict) else not value


def _pairs(pairs: list[tuple[str, Value]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise RefusedError("the JSON has a key twice", status=400)
    return document


def _constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON
