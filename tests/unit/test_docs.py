"""The pages name only what exists: links, make targets, options of render.py, settings; their shell code parses."""

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import prefect.settings
import pytest

from stack import arguments
from stack.components.all import ALL, KEYS
from tests.sites import REPO

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
OURS = re.compile(r"(SERVER|AGENT|PARENT|CONDA|SLURM|CLIENT|STORAGE|EXTRA)_|BASE_IMAGE.")


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows, or would if they were added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout.split("\0")
    return [REPO / name for name in names if name and (REPO / name).is_file()]


PAGES = tracked("*.md")
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [code for name, code in FENCE.findall(text(page)) if name == language]


def commands(page: Path) -> list[str]:
    """Lines of shell code and text in backticks, without comments."""
    lines = [line for code in blocks(page, "sh") for line in code.splitlines()]
    return [line.partition(" #")[0] for line in lines] + INLINE.findall(FENCE.sub("", text(page)))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings: letters and digits in lower case, hyphens for spaces."""
    headings = HEADING.findall(FENCE.sub("", text(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_component_has_a_page() -> None:
    named = set(re.findall(r"\(([\w-]+/README\.md)\)", text(REPO / "README.md")))
    assert {f"{component.folder}/README.md" for component in ALL} | {"images/README.md"} <= named


def test_every_image_has_a_row() -> None:
    recipes = tracked("images/*/Dockerfile", "images/*/rootfs")
    rows = re.findall(r"^\| `([a-z-]+)` \|", text(REPO / "images/README.md"), re.MULTILINE)
    assert {recipe.parent.name for recipe in recipes} <= set(rows)


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", text(page))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pages
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z.-]+):", text(REPO / "Makefile"), re.MULTILINE))
    named = {name for code in commands(page) for name in re.findall(r"(?:^|[ (])make (\.?[a-z][a-z-]*)", code)}
    assert named <= targets


@pages
def test_commands_of_render_exist(page: Path) -> None:
    for code in commands(page):
        for given in re.findall(r"python render\.py([^|;&()<>]*)", code):
            arguments.parsed(shlex.split(given))  # ends the test with argparse's own words where it does not


@pages
def test_names_of_settings_exist(page: Path) -> None:
    """One with a component's prefix is a setting; any other is Prefect's, or is in a file of this repository."""
    names = {name for code in [*commands(page), *blocks(page, "ini")] for name in NAME.findall(code)}
    ours = {name for name in names if OURS.match(name)}
    assert ours <= KEYS.keys()
    known = KEYS.keys() | names_in_files() | set(NAME.findall("".join(blocks(page, "dockerfile"))))
    assert not [name for name in names - ours if name not in known and not hasattr(prefect.settings, name)]


@cache
def names_in_files() -> frozenset[str]:
    """Names of variables in templates, recipes, scripts and code; not in tests, which may name what is wrong."""
    found: set[str] = set()
    for file in tracked(
        "templates",
        "images",
        "stack",
        "client",
        "server",
        "registry",
        "socket-proxy",
        "worker-docker",
        "Makefile",
        "tests/sites.py",
    ):
        if file.suffix not in (".md", ".txt"):
            found |= set(NAME.findall(text(file)))
    return frozenset(found | proxy_settings())


def proxy_settings() -> set[str]:
    """The variables of the socket proxy; its code puts them together from a prefix, a role and a name."""
    from socket_proxy.policy import ROLES
    from socket_proxy.settings import PREFIX

    source = text(REPO / "socket-proxy/socket_proxy/settings.py")
    plain = set(re.findall(r'["}_]([A-Z][A-Z_]+)"', source))
    roles = {f"{role.upper()}_{name}" for role in ROLES for name in plain}
    return plain | {f"{PREFIX}{name}" for name in plain | roles}


@pages
def test_shell_code_parses(page: Path) -> None:
    for code in blocks(page, "sh"):
        done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
        assert done.stderr == "", code
