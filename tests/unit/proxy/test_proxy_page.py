"""The tables of the page agree with the code."""

import ast
import re
from pathlib import Path

import pytest
from socket_proxy import settings
from socket_proxy.policy import ROLES

PACKAGE = Path(__file__).parents[3] / "socket-proxy"
PAGE = (PACKAGE / "README.md").read_text()


def test_calls_of_each_role() -> None:
    rows = re.findall(r"^\| `(\w+) (/\S+)` \| (\S+) \| (\S+) \| (\S+) \|$", PAGE, flags=re.MULTILINE)
    said = {
        role: {(method, path) for method, path, *marks in rows if marks[column] == "yes"}
        for column, role in enumerate(("worker", "launcher", "reaper"))
    }
    assert said == {role.name: {(call.method, call.path) for call in role.calls.values()} for role in ROLES.values()}


def test_settings_and_no_others() -> None:
    said = re.findall(r"^\| `(SITE|DOCKER_PROXY_\w+)` \|", PAGE, flags=re.MULTILINE)
    reader = settings.Reader({})
    settings.parse(reader)
    assert sorted(said) == sorted(reader.names)


def modules() -> list[str]:
    """The modules in the order of the page's table, the lowest first."""
    return re.findall(r"^\| `(\w+)\.py` \|", PAGE.partition("## For maintainers")[2], flags=re.MULTILINE)


def imported(module: str) -> set[str]:
    """The package's modules that a module imports, wherever in it."""
    nodes = ast.walk(ast.parse((PACKAGE / f"socket_proxy/{module}.py").read_text()))
    sources = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    whole = {alias.name for node in sources if node.module == "socket_proxy" for alias in node.names}
    parts = [str(node.module).split(".") for node in sources]
    return whole | {name for package, *names in parts if package == "socket_proxy" for name in names}


def test_every_module_is_on_the_page() -> None:
    assert {*modules(), "__init__"} == {path.stem for path in (PACKAGE / "socket_proxy").glob("*.py")}


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_those_above_it(module: str) -> None:
    assert imported(module) <= set(modules()[: modules().index(module)])
