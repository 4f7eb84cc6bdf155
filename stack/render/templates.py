"""The templates: a tree equal to the output tree, `partials/` for what is shared."""

import os
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import yaml
from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
)

from stack.core import quoting
from stack.core.errors import SiteError
from stack.core.repo import REPO
from stack.load.document import LOADER

ROOT = REPO / "templates"
COMPILED = REPO / ".cache" / "templates"
SUFFIX = ".j2"
LIMITS = ("mem_limit", "logging")
HEADER = "Rendered from templates/{name}: edit .env and run `python render.py`, not this file."


def target(name: str) -> str:
    """The path of what a template makes, relative to the output folder."""
    return name.removesuffix(SUFFIX)


def render(name: str, context: dict[str, Any]) -> str:
    """The text of one file. YAML and JSON are parsed again as a check."""
    header = HEADER.format(name=name)
    try:
        text = _environment().get_template(name).render(context | {"header": header})
    except TemplateNotFound as error:
        raise SiteError(
            f"templates/{error.name}: this template is missing; bring it back: `git checkout templates/{error.name}`"
        ) from None
    except TemplateError as error:
        raise SiteError(f"templates/{name}: {error}") from None
    _parse(name, text)
    return text


def _parse(name: str, text: str) -> None:
    """Refuses what is not YAML before anything is written; JSON is YAML."""
    if not target(name).endswith((".yaml", ".yml", ".json")):
        return
    try:
        document = yaml.compose(text, LOADER)
    except yaml.YAMLError as error:
        raise SiteError(f"templates/{name}: its output is not valid YAML: {' '.join(str(error).split())}") from None
    if PurePosixPath(name).name.startswith("compose."):
        _check_limits(name, _mapping(document).get("services"))


def _check_limits(name: str, services: yaml.Node | None) -> None:
    """Refuses a service whose memory or logs have no limit of its own: nothing else would bound them."""
    for service, node in _mapping(services).items():
        if missing := [limit for limit in LIMITS if limit not in _mapping(node)]:
            line = f'`{{{{ limits.service("COMPONENT", "{service}") }}}}`'
            raise SiteError(
                f"templates/{name}: the service {service} has no {' and no '.join(missing)}; write {line} into it, and "
                "its default into `memory` of its component"
            )


def _mapping(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _bytecode_cache() -> FileSystemBytecodeCache | None:
    """Keeps compiled templates: compiling takes a third of a render. None if the checkout is read-only.

    The folder is closed to others: who can write here can run code as this user.
    """
    try:
        COMPILED.mkdir(mode=0o700, parents=True, exist_ok=True)
        COMPILED.chmod(0o700)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(COMPILED)) if os.access(COMPILED, os.W_OK) else None


@cache
def _environment() -> Environment:
    # The output is YAML and not HTML: every template escapes values with one of the two filters below.
    environment = Environment(
        loader=FileSystemLoader(ROOT),
        bytecode_cache=_bytecode_cache(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
    environment.filters["compose"] = quoting.compose_string
    environment.filters["supervisord"] = quoting.supervisord_environment
    environment.filters["yaml"] = quoting.yaml_value
    return environment
