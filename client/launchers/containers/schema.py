"""What a user asks for when launching a container: the parameters of the deployments of `launch_docker`."""

from __future__ import annotations

import math
import posixpath
import re
import shlex
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from launchers.launching.params import Params
from launchers.launching.parsed import Parsed

PARAMS_TARGET = "/app/work/config/params.yaml"

_LONGEST_SIZE = 32  # characters
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kmgt]?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_DIGEST = "sha256:"


class Size(Parsed):
    """`512m`, `1.5g` or `33554432`; units are powers of 1024, as the docker command has them. Empty: none."""

    bytes: int

    def __new__(cls, text: str) -> Self:
        size = super().__new__(cls, text)
        size.bytes = _bytes(text) if text else 0
        return size


class Volume(Parsed):
    """`source:target[:ro|rw]`: `source` as the flow or the engine's machine sees it, `target` inside the container."""

    source: str
    target: str
    writable: bool

    def __new__(cls, text: str) -> Self:
        volume = super().__new__(cls, text)
        volume.source, volume.target, volume.writable = _mount(text)
        return volume


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None or len(text) > _LONGEST_SIZE:
        raise ValueError(f"{text!r} is not a size: write a number and k, m or g, for example 512m")
    return math.floor(float(match[1]) * 1024.0 ** _POWERS[match[2].lower()])


def _mount(text: str) -> tuple[str, str, bool]:
    parts = text.split(":")
    if len(parts) not in (2, 3) or parts[2:] not in ([], ["ro"], ["rw"]):
        raise ValueError(f"volume {text!r} is not source:target, source:target:ro or source:target:rw")
    for path in parts[:2]:
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"volume {text!r}: {path!r} is not an absolute path")
    target = posixpath.normpath(parts[1])
    if target in ("/", PARAMS_TARGET):
        raise ValueError(f"volume {text!r}: the target {target} is taken")
    return posixpath.normpath(parts[0]), target, parts[2:] != ["ro"]


def _one_each(volumes: list[Volume]) -> list[Volume]:
    targets = [volume.target for volume in volumes]
    for target in targets:
        if targets.count(target) > 1:
            raise ValueError(f"two volumes have the target {target}")
    return volumes


def _command(command: str | list[str]) -> str | list[str]:
    if isinstance(command, str):
        shlex.split(command)  # refuses an open quote before anything runs
    return command


def _env_vars(env_vars: dict[str, str]) -> dict[str, str]:
    for name, value in env_vars.items():
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"{name!r} cannot be the name of an environment variable")
    return env_vars


class DockerParams(BaseModel):
    """A container to launch: what it runs, what it sees, and how much it may take."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    image_name: str = Field(min_length=1, description="Image with its registry, without the tag.")
    image_tag: str = Field(min_length=1, description="Tag, or a digest: sha256:...")
    command: Annotated[str | list[str], AfterValidator(_command)] = Field(
        default="", description="Command as one string or a list; the path of the parameters file is appended."
    )
    volumes: Annotated[list[Volume], AfterValidator(_one_each)] = Field(
        default=[],
        description="source:target[:ro|rw]; the source is a path of the flow, or an allowed host path.",
    )
    network: str = Field(default="", description="Network to join; empty: the site's network.")
    env_vars: Annotated[dict[str, str], AfterValidator(_env_vars)] = Field(default={}, description="Its environment.")
    params: Params = Field(default_factory=Params, description=f"Written to {PARAMS_TARGET}.")
    memory: Size = Field(
        default=Size(""), description="Memory limit, swap included, for example 512m; empty: the site's."
    )
    cpus: float | None = Field(default=None, gt=0, description="CPU limit, for example 1.5; empty: none.")
    gpus: str = Field(default="", description="all, a number, or device ids separated by commas; empty: none.")
    shm_size: Size = Field(default=Size(""), description="Size of /dev/shm, for example 1g; empty: the engine's own.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds after which the container is stopped.")

    @property
    def image(self) -> str:
        """The image's full reference."""
        return f"{self.image_name}{'@' if self.image_tag.startswith(_DIGEST) else ':'}{self.image_tag}"

    @property
    def arguments(self) -> list[str]:
        """The command with the path of the parameters file appended; no shell ever reads it."""
        words = shlex.split(self.command) if isinstance(self.command, str) else self.command
        return [*words, PARAMS_TARGET]
