"""Every setting that the code names is one: the values of Settings have no static type."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.components.all import KEYS
from tests.sites import REPO

HOLDERS = {"settings", "site", "checked"}
CODE = sorted((REPO / "stack").rglob("*.py"))
TEMPLATES = sorted((REPO / "templates").rglob("*.j2"))


def named(tree: ast.Module) -> Iterator[str]:
    """KEY of each `settings.KEY`, also behind `site.settings`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.isupper():
            holder = node.value
            name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
            if name in HOLDERS:
                yield node.attr


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(REPO)))
def test_code_names_settings_that_exist(path: Path) -> None:
    modules = {"REPO", "RECORD", "IMAGES", "HOME"}  # constants of modules that have the name of a holder
    assert set(named(ast.parse(path.read_text(encoding="utf-8")))) - modules <= KEYS.keys()


def test_templates_name_settings_that_exist() -> None:
    """Also behind a condition that no test renders."""
    found = {key for path in TEMPLATES for key in re.findall(r"settings\.([A-Z_0-9]+)", path.read_text("utf-8"))}
    assert len(found) > 50
    assert found <= KEYS.keys()


def test_every_setting_is_read_somewhere() -> None:
    text = "".join(path.read_text("utf-8") for path in CODE + TEMPLATES)
    unread = [key for key in KEYS if not re.search(rf'\.{key}\b|"{key}"', text)]
    # Put together from a component's prefix or name.
    built = [key for key in unread if not key.endswith(("_BIND", "_PORT", "_POOL"))]
    assert built == []
