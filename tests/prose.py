"""Refuses phrases that are hard to read in pages, and in comments, docstrings and strings of other files.

    python -m tests.prose                      the pages, and the files that prose.toml lists
    python -m tests.prose --count '*.py'       findings per file, for files that are not checked yet

The phrases, their plain forms and the exceptions are in prose.toml. Vale would do this, but its packages download the
program when they first run, which fails on a machine that reaches only the package index.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPO = Path(__file__).resolve().parent.parent
LIST = Path("tests/prose.toml")
CODE = "`...`"  # takes the place of code, so that the words around it still read as one sentence


class Text(NamedTuple):
    """A piece of prose: where it begins, and its words on one line."""

    line: int
    words: str


class Tic(NamedTuple):
    pattern: re.Pattern[str]
    plain: str


class Finding(NamedTuple):
    path: str
    line: int
    words: str
    plain: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: '{self.words}'; write plainly, as in '{self.plain}'"


@cache
def settings() -> dict[str, Any]:
    return tomllib.loads((REPO / LIST).read_text(encoding="utf-8"))


@cache
def tics() -> tuple[Tic, ...]:
    return tuple(Tic(re.compile(tic["pattern"], re.IGNORECASE), tic["plain"]) for tic in settings()["tic"])


def tracked(*patterns: str) -> list[str]:
    """Paths that git knows, or would know after `git add`."""
    if not patterns:
        return []
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (REPO / name).is_file()]


def texts(path: str, source: str) -> Iterator[Text]:
    if path.endswith(".md"):
        yield from page_texts(source)
    elif path.endswith(".py"):
        yield from comments(source)
        yield from strings(source)
    else:
        yield from lines(source)


def page_texts(source: str) -> Iterator[Text]:
    """Paragraphs, headings, list items and cells of tables, without their code."""
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type == "inline":
            line = token.map[0] + 1 if token.map else 1
            yield Text(line, one_line("".join(map(words, token.children or []))))


def words(token: Token) -> str:
    if token.type == "code_inline":
        return CODE
    return " " if token.type in ("softbreak", "hardbreak") else token.content


def comments(source: str) -> Iterator[Text]:
    """Comments; those of following lines are one text."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != last + 1:
            yield Text(first, prose(" ".join(block)))
            block = []
        if not block:
            first = token.start[0]
        last = token.start[0]
        block.append(token.string.lstrip("#! "))
    if block:
        yield Text(first, prose(" ".join(block)))


def strings(source: str) -> Iterator[Text]:
    """Docstrings and all other strings; a placeholder of an f-string counts as code."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = (piece.value if isinstance(piece, ast.Constant) else CODE for piece in node.values)
            yield Text(node.lineno, prose("".join(map(str, pieces))))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield Text(node.lineno, prose(node.value))


def lines(source: str) -> Iterator[Text]:
    """Comments of following lines as one text, and each other line."""
    numbered = list(enumerate(source.splitlines(), start=1))
    for is_comment, group in groupby(numbered, key=lambda line: line[1].lstrip().startswith("#")):
        block = list(group)
        if is_comment:
            yield Text(block[0][0], prose(" ".join(line.strip().lstrip("#! ") for _, line in block)))
        else:
            yield from (Text(number, prose(line)) for number, line in block)


def prose(text: str) -> str:
    return one_line(re.sub(r"`[^`\n]+`", CODE, text))


def one_line(text: str) -> str:
    return " ".join(text.split())


def findings(path: str, source: str) -> Iterator[Finding]:
    for text in texts(path, source):
        for tic in tics():
            for match in tic.pattern.finditer(text.words):
                yield Finding(path, text.line, surroundings(text.words, match), tic.plain)


def surroundings(text: str, match: re.Match[str]) -> str:
    """What was found, with a few words on either side."""
    before = text[: match.start()].split(" ")[-4:]
    after = text[match.end() :].split(" ")[:4]
    return (" ".join(before) + match.group() + " ".join(after)).strip()


def found(paths: list[str]) -> list[Finding]:
    return [finding for path in paths for finding in findings(path, (REPO / path).read_text(encoding="utf-8"))]


def checked() -> list[str]:
    return tracked("*.md", *settings()["files"])


def excused(finding: Finding, exception: dict[str, str]) -> bool:
    return finding.path == exception["path"] and exception["words"] in finding.words


def check() -> int:
    """Prints each finding and each exception that excuses nothing; 1 if there is any."""
    exceptions: list[dict[str, str]] = settings().get("exception", [])
    everything = found(checked())
    faults = [str(one) for one in everything if not any(excused(one, exception) for exception in exceptions)]
    faults += [
        f"{LIST}: no finding of {exception['path']} has the words '{exception['words']}'; remove the exception"
        for exception in exceptions
        if not any(excused(finding, exception) for finding in everything)
    ]
    for fault in faults:
        print(fault)
    return int(bool(faults))


def count(patterns: list[str]) -> int:
    numbers = Counter(finding.path for finding in found(tracked(*patterns)))
    for path, number in numbers.most_common():
        print(f"{number:5} {path}")
    print(f"{numbers.total():5} in {len(numbers)} files")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Refuses phrases that are hard to read; see tests/prose.toml.")
    parser.add_argument("--count", nargs="+", metavar="PATTERN", help="count the findings in these files instead")
    parser.add_argument("--show", nargs="+", metavar="PATTERN", help="print the findings in these files instead")
    options = parser.parse_args()
    if options.count:
        return count(options.count)
    if options.show:
        print(*found(tracked(*options.show)), sep="\n")
        return 0
    return check()


if __name__ == "__main__":
    sys.exit(main())
