"""Rules for JSON values: each takes a value, returns what is passed on, or raises RefusedError.

A rule is positive: it says what passes. Whatever a record does not list is refused unless it is zero, and is then
left out of what is passed on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from socket_proxy.document import Document, Value, is_zero
from socket_proxy.facts import Facts
from socket_proxy.limits import Limits
from socket_proxy.refusal import RefusedError

INT64 = 2**63 - 1  # the widest number of the engine's own types


@dataclass(frozen=True)
class Scope:
    """What a rule may look at beside the value."""

    limits: Limits
    facts: Facts


Rule = Callable[[Value, str, Scope], Value]


def flag(value: Value, name: str, _scope: Scope) -> Value:
    if not isinstance(value, bool):
        raise RefusedError(f"{name} is no true or false")
    return value


def number(low: int = 0, high: int = INT64) -> Rule:
    def rule(value: Value, name: str, _scope: Scope) -> Value:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RefusedError(f"{name} is no whole number from {low} to {high}")
        return value

    return rule


def string(value: Value, name: str) -> str:
    """Raises RefusedError for anything but text without NUL, at which C cuts a string and Go does not."""
    if not isinstance(value, str) or "\0" in value:
        raise RefusedError(f"{name} is no text")
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
            raise RefusedError(f"{name} {value!r} is none of {words}")
        return value

    return rule


def each(item: Rule, most: int = 0) -> Rule:
    """A list; of so many at `most` where every one costs a question, since each makes the rules begin again."""

    def rule(value: Value, name: str, scope: Scope) -> Value:
        if not isinstance(value, list):
            raise RefusedError(f"{name} is no list")
        if most and len(value) > most:
            raise RefusedError(f"{name} has more than {most} entries")
        return [item(element, f"{name}[{index}]", scope) for index, element in enumerate(value)]

    return rule


def mapping(value: Value, name: str) -> Document:
    if not isinstance(value, dict):
        raise RefusedError(f"{name} is no object")
    return value


def table(key: Rule, item: Rule) -> Rule:
    """An object with free keys, such as environment or volumes."""

    def rule(value: Value, name: str, scope: Scope) -> Value:
        return {
            str(key(each_key, f"a key of {name}", scope)): item(element, f"{name}[{each_key!r}]", scope)
            for each_key, element in mapping(value, name).items()
        }

    return rule


def record(rules: Mapping[str, Rule]) -> Callable[[Value, str, Scope], Document]:
    """An object of which only the keys of `rules` pass, written exactly so."""

    def rule(value: Value, name: str, scope: Scope) -> Document:
        document = mapping(value, name)
        refuse_strangers(document, rules, name)
        given = ((key, document[key]) for key in rules if document.get(key) is not None)
        return {key: rules[key](element, dotted(name, key), scope) for key, element in given}

    return rule


def refuse_strangers(document: Document, known: Mapping[str, Rule], name: str) -> None:
    for key, value in document.items():
        if key not in known and not is_zero(value):
            raise RefusedError(f"{dotted(name, key)} is refused")


def dotted(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
