"""The headings of docs/troubles.md are messages that a user can see: the product's own, or another program's."""

import re
from functools import cache

import pytest

from tests import prose

PAGE = prose.REPO / "docs" / "troubles.md"
SOURCES = ("*.py", "*.sh", ":!tests", ":!docs")
# Messages and states that the product passes on, with the program that prints them.
OTHERS = {
    "port is already allocated": "Docker",
    "network ... not found": "Docker",
    "No matching distribution found": "pip",
    "Can't connect to Server API": "Prefect's UI",
    "502 Bad Gateway": "the user's proxy",
    "violates the following Content Security Policy directive": "the browser",
    "No Prefect API URL provided": "prefect",
    "Starting temporary server": "prefect",
    "flow run cancellation will fail": "Prefect",
    "too many clients already": "PostgreSQL",
    "Deployment concurrency limit reached": "Prefect's state",
    "Late": "Prefect's state",
    "Running": "Prefect's state",
    "Block not found: 'site-registry'": "Prefect",
    "Unable to find block document": "Prefect",
    "No such file or directory: ...": "Python",
    "Permission denied: '/srv'": "Python",
    "ModuleNotFoundError": "Python",
    "sbatch: not found": "the shell",
    "database files are incompatible with server": "PostgreSQL",
    "No space left on device": "the system",
}


def headings() -> list[str]:
    return re.findall(r"^### (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@cache
def messages() -> tuple[str, ...]:
    """Every string of the product's Python, as one line, and each line of its shell scripts."""
    found: list[str] = []
    for path in prose.tracked(*SOURCES):
        source = (prose.REPO / path).read_text(encoding="utf-8")
        found += [text.words for text in prose.strings(source)] if path.endswith(".py") else source.splitlines()
    return tuple(found)


@pytest.mark.parametrize("heading", headings())
def test_a_heading_is_a_message(heading: str) -> None:
    words = heading.removeprefix("`").removesuffix("`")
    assert heading == f"`{words}`"
    if words not in OTHERS:
        pattern = re.compile(".*".join(map(re.escape, words.split("..."))))
        assert any(map(pattern.search, messages())), "no message has these words"


def test_each_message_of_others_has_a_heading() -> None:
    assert OTHERS.keys() <= {heading.strip("`") for heading in headings()}
