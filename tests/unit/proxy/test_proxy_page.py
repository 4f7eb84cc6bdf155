"""The page says what the code does: its tables are compared with the code's."""

import re
from pathlib import Path

from socket_proxy import settings
from socket_proxy.roles import ROLES

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
    assert sorted(said) == sorted(reader.known)


def test_files() -> None:
    said = re.findall(r"`(\w+\.py)`", PAGE.partition("## For those who carry on")[2])
    assert {*said, "__init__.py"} == {path.name for path in (PACKAGE / "socket_proxy").glob("*.py")}
