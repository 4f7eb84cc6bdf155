"""The templates: a tree equal to the output tree, `partials/` for what is shared."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined, TemplateError

from stack.components.component import Component
from stack.core import quoting
from stack.core.errors import SiteError
from stack.core.repo import REPO
from stack.load.document import LOADER

ROOT = REPO / "templates"
COMPILED = REPO / ".cache" / "templates"
SUFFIX = ".j2"
HEADER = "Rendered from templates/{name}: edit .env and run `python render.py`, not this file."


def of(component: Component) -> list[str]:
    """The templates of a component, as paths below templates/."""
    paths = sorted((ROOT / component.folder).rglob(f"*{SUFFIX}"))
    return [path.relative_to(ROOT).as_posix() for path in paths if _variant(path) == component.variant]


def _variant(path: Path) -> str:
    """`dind` of compose.dind.yaml.j2; empty for compose.yaml.j2."""
    return ".".join(path.name.split(".")[1:-2])


def target(name: str) -> str:
    """The path of what a template makes, relative to the output folder."""
    return name.removesuffix(SUFFIX)


def render(name: str, context: dict[str, Any]) -> str:
    """The text of one file, parsed once more where its format can be checked."""
    header = HEADER.format(name=name)
    try:
        text = _environment().get_template(name).render(context | {"header": header})
    except TemplateError as error:
        raise SiteError(f"templates/{name}: {error}") from None
    _parse(name, text)
    return text


def _parse(name: str, text: str) -> None:
    """YAML and JSON are read back before anything is written; JSON is YAML."""
    if not target(name).endswith((".yaml", ".yml", ".json")):
        return
    try:
        yaml.compose(text, LOADER)
    except yaml.YAMLError as error:
        raise SiteError(f"templates/{name}: what it renders is no YAML: {' '.join(str(error).split())}") from None


def _bytecode_cache() -> FileSystemBytecodeCache | None:
    """Compiling the templates is a third of a render. Whoever could write here could run code as this user, so the
    folder is nobody else's; none where it cannot be made, in a checkout that is only for reading."""
    try:
        COMPILED.mkdir(mode=0o700, parents=True, exist_ok=True)
        COMPILED.chmod(0o700)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(COMPILED)) if os.access(COMPILED, os.W_OK) else None


@cache
def _environment() -> Environment:
    # Not HTML: values are escaped for YAML by the two filters below, which every template uses.
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
