"""The kinds of value of a setting: each parses text, or raises a ValueError that says what to write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from socket_proxy import image, mounts
from socket_proxy.network import ENGINE_NETWORKS, NAME

T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """Of a role or of the engine: `path` of a Unix socket, or `host` and `port`."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: parse(text) if text else None


def items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def site(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?", text):
        raise ValueError("write the site's name: lower-case letters, digits, '-', '_' and '.'")
    return text


def unix_path(text: str) -> str:
    if not text.startswith("unix:///"):
        raise ValueError("write unix:// and an absolute path, such as unix:///var/run/docker.sock")
    return mounts.normal_path(text.removeprefix("unix://"))


def optional_path(text: str) -> str:
    return mounts.normal_path(text) if text else ""


def address(text: str) -> Address:
    match = re.fullmatch(r"tcp://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", text)
    if match and 0 < int(match[2]) < 65536:
        return Address(host=match[1].strip("[]"), port=int(match[2]))
    if text.startswith("unix://"):
        return Address(path=unix_path(text))
    raise ValueError("write tcp://HOST:PORT or unix:///PATH")


def user(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,8}):([1-9][0-9]{0,8})", text)
    if not match:
        raise ValueError("write UID:GID as numbers, neither of them 0")
    return int(match[1]), int(match[2])


def mode(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError("write three octal digits, such as 660")
    return int(text, 8)


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return parse


def switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("write true or false")
    return text == "true"


def images(text: str) -> tuple[image.Pattern, ...]:
    try:
        return tuple(image.pattern(item) for item in items(text))
    except ValueError:
        raise ValueError("write images as REGISTRY/*, NAME/*, NAME or NAME:TAG, separated by commas") from None


def names(what: str) -> Callable[[str], frozenset[str]]:
    def parse(text: str) -> frozenset[str]:
        for item in items(text):
            if not re.fullmatch(NAME, item):
                raise ValueError(f"{item!r} is not a name of a {what}; separate names by commas")
        return frozenset(items(text))

    return parse


def networks(text: str) -> frozenset[str]:
    found = names("network")(text)
    if found & ENGINE_NETWORKS:
        raise ValueError(f"{min(found & ENGINE_NETWORKS)!r} is the engine's own; write networks made for the site")
    return found


def mountable(parse: Callable[[str], str]) -> Callable[[str], dict[str, bool]]:
    """Items separated by commas, each with True if it may be mounted for writing: `:ro` after it means no."""

    def parse_all(text: str) -> dict[str, bool]:
        return {parse(item.removesuffix(":ro")): not item.endswith(":ro") for item in items(text)}

    return parse_all


def volume(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError(f"{text!r} is not a name of a volume; separate names by commas")
    return text


def bind_paths(text: str) -> dict[str, bool]:
    paths = mountable(mounts.normal_path)(text)
    for path in paths:
        for forbidden in mounts.FORBIDDEN:
            if mounts.overlaps(path, forbidden):
                raise ValueError(
                    f"{path!r} would give access to {forbidden} of the host; write a directory made for the runs"
                )
    return paths
