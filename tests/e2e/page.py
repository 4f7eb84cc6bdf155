"""The commands of the project's pages, so that tests run what a reader types."""

import re
from pathlib import Path

from tests.sites import REPO

PAGE = REPO / "docs" / "operations.md"


def commands(heading: str, page: Path = PAGE) -> list[str]:
    """Each block of shell below a heading, up to the next one, as a script that stops at the first failure."""
    text = re.split(rf"^#+ {re.escape(heading)}$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", text, flags=re.MULTILINE)[0]
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    return [f"set -e\n{block}" for block in blocks]
