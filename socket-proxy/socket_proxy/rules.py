"""Rules for JSON values: each takes a value and returns what is passed on, or raises RefusedError.

A rule says what passes, never what does not. A record refuses every key that it does not list, unless the value is
zero; then it leaves the key out.

The engine is written in Go. Go's JSON decoder takes the last of two equal keys, and ignores the letter case of keys
(even `"privileged"` with the Kelvin sign for `k`). So the proxy never passes on the client's text: it reads the JSON,
examines exact keys and writes new JSON, which the engine can read in only one way.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeAlias

from socket_proxy.case import RefusedError, Scope

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None
Document: TypeAlias = dict[str, Value]
Rule = Callable[[Value, str, Scope], Value]

INT64 = 2**63 - 1  # the engine's widest number


def read(data: bytes, what: str = "the body") -> Document:
    """The JSON object in `data`; raises RefusedError (400) for anything else."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_pairs, parse_constant=_constant)
        json.dumps(value, ensure_ascii=False).encode()  # fails for half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{what} is not JSON: {type(error).__name__}", status=400) from None
    if not isinstance(value, dict):
        raise RefusedError(f"{what} must be a JSON object", status=400)
    return value


def write(value: Value) -> bytes:
    return json.dumps(value).encode()


def _pairs(pairs: list[tuple[str, Value]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise RefusedError("the JSON has a key twice", status=400)
    return document


def _constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


def flag(value: Value, name: str, _scope: Scope) -> Value:
    if not isinstance(value, bool):
        raise RefusedError(f"{name} must be true or false")
    return value


def number(low: int = 0, high: int = INT64) -> Rule:
    def rule(value: Value, name: str, _scope: Scope) -> Value:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RefusedError(f"{name} must be a whole number from {low} to {high}")
        return value

    return rule


def string(value: Value, name: str) -> str:
    """Raises RefusedError for anything but text without NUL: C ends a string at a NUL, Go does not."""
    if not isinstance(value, str) or "\0" in value:
        raise RefusedError(f"{name} must be a string")
    return value


def text(value: Value, name: str, _scope: Scope) -> Value:
    return string(value, name)


def matching(pattern: str, what: str) -> Rule:
    def rule(value: Value, name: str, _scope: Scope) -> Value:
        if not re.fullmatch(pattern, string(value, name)):
            raise RefusedError(f"{name} {value!r} is not {what}")
        return value

    return rule


def one_of(*allowed: str) -> Rule:
    words = ", ".join(repr(word) for word in allowed)

    def rule(value: Value, name: str, _scope: Scope) -> Value:
        if string(value, name) not in allowed:
            raise RefusedError(f"{name} {value!r} is not one of {words}")
        return value

    return rule


def each(item: Rule, most: int = 0) -> Rule:
    """A list. `most` limits its length where each entry can ask a question, after which the rules start again."""

    def rule(value: Value, name: str, scope: Scope) -> Value:
        if not isinstance(value, list):
            raise RefusedError(f"{name} must be a list")
        if most and len(value) > most:
            raise RefusedError(f"{name} has more than {most} entries")
        return [item(element, f"{name}[{index}]", scope) for index, element in enumerate(value)]

    return rule


def mapping(value: Value, name: str) -> Document:
    if not isinstance(value, dict):
        raise RefusedError(f"{name} must be an object")
    return value


def table(key: Rule, item: Rule) -> Rule:
    """An object with free keys, such as volumes."""

    def rule(value: Value, name: str, scope: Scope) -> Value:
        return {
            str(key(each_key, f"a key of {name}", scope)): item(element, f"{name}[{each_key!r}]", scope)
            for each_key, element in mapping(value, name).items()
        }

    return rule


def record(rules: Mapping[str, Rule]) -> Callable[[Value, str, Scope], Document]:
    """An object whose keys are those of `rules`, in the same letter case."""

    def rule(value: Value, name: str, scope: Scope) -> Document:
        document = mapping(value, name)
        _refuse_unlisted(document, rules, name)
        present = ((key, document[key]) for key in rules if document.get(key) is not None)
        return {key: rules[key](element, _dotted(name, key), scope) for key, element in present}

    return rule


def _refuse_unlisted(document: Document, listed: Mapping[str, Rule], name: str) -> None:
    for key, value in document.items():
        if key not in listed and not _is_zero(value):
            raise RefusedError(f"{_dotted(name, key)} is refused")


def _is_zero(value: Value) -> bool:
    """True for what Go has without the key: null, false, 0, "", [], {}, and an object with only such values."""
    return not any(value.values()) if isinstance(value, dict) else not value


def _dotted(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
