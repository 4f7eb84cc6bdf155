"""The prose linter finds each of its phrases, in pages and in Python, and nothing in the plain form beside it."""

from pathlib import Path

import pytest

from tests import prose

TICS = prose.settings()["tic"]


def words(path: str, source: str) -> list[str]:
    return [finding.words for finding in prose.findings(path, source)]


@pytest.mark.parametrize("tic", TICS, ids=lambda tic: tic["today"])
def test_a_phrase_is_found_and_its_plain_form_is_not(tic: dict[str, str]) -> None:
    found = {finding.plain for finding in prose.findings("page.md", tic["today"])}
    assert tic["plain"] in found
    assert words("page.md", tic["plain"]) == []


def test_pages_are_read_as_prose() -> None:
    page = (
        "# It stands\n\n- `it stands`, and\n  it\n  stands\n\n| a | it stands |\n|---|---|\n\n```sh\nit stands\n```\n"
    )
    assert [(finding.line, finding.words) for finding in prose.findings("page.md", page)] == [
        (1, "It stands"),
        (3, "`...`, and it stands"),
        (7, "it stands"),
    ]


def test_python_is_read_as_comments_and_strings() -> None:
    code = '"""What is told."""\nstands = 1  # it\n# stands\nnote = f"{stands} is no " "number, see `it stands`"\n'
    assert [(finding.line, finding.words) for finding in prose.findings("code.py", code)] == [
        (2, "it stands"),
        (1, "What is told."),
        (4, "`...` is no number, see `...`"),
    ]


def test_other_files_are_read_line_by_line_and_comments_as_one() -> None:
    script = "#!/bin/sh\n\n# The port is\n# no number.\nset -e\necho 'it stands'  # so\n"
    assert [(finding.line, finding.words) for finding in prose.findings("script.sh", script)] == [
        (3, "The port is no number."),
        (6, "echo 'it stands' # so"),
    ]


def test_plain_phrases_pass() -> None:
    text = (
        "There is no login. It is no longer there. A stand-in stands for it. Where is it, and why? It may lie about. "
    )
    text += "Where images go, and why."
    assert words("page.md", text) == []


def test_exceptions_are_of_files_that_are_checked_and_say_why() -> None:
    for exception in prose.settings().get("exception", []):
        assert exception["path"] in prose.checked()
        assert exception["reason"]


def test_an_exception_that_excuses_nothing_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text("It stands.", encoding="utf-8")
    exceptions = [{"path": "page.md", "words": "It stands"}, {"path": "page.md", "words": "It sits"}]
    monkeypatch.setattr(prose, "REPO", tmp_path)
    monkeypatch.setattr(prose, "checked", lambda: ["page.md"])
    monkeypatch.setattr(prose, "settings", lambda: {"exception": exceptions, "tic": TICS})
    assert prose.check() == 1
    assert capsys.readouterr().out == (
        "tests/prose.toml: no finding of page.md has the words 'It sits'; remove the exception\n"
    )
