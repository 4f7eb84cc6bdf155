"""Secrets: made once, kept in `.env`, and nothing else of the file is touched."""

import re
import stat
from pathlib import Path

import pytest

from stack.cli import main
from tests.unit.tree import tree

MADE = ("PREFECT_API_AUTH_STRING", "SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD")
# 24 bytes in base64, from an alphabet that no format of the site gives a meaning.
PASSWORD = r"[A-Za-z0-9_-]{32}"


def render(root: Path, text: str | None = None) -> str:
    """Renders the site with this `.env`, and returns what became of the file."""
    if text is not None:
        (root / ".env").write_bytes(text.encode())
    assert main(["--output", str(root)]) == 0
    return (root / ".env").read_bytes().decode()


def secrets(text: str) -> dict[str, str]:
    found = re.findall(rf"^({'|'.join(MADE)})=(.*?)\s*$", text, re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def test_a_site_without_env_gets_one_with_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = secrets(render(tmp_path))
    assert re.fullmatch(f"admin:{PASSWORD}", made["PREFECT_API_AUTH_STRING"])
    assert re.fullmatch(PASSWORD, made["SERVER_DATABASE_PASSWORD"])
    assert re.fullmatch(PASSWORD, made["SERVER_REDIS_PASSWORD"])
    assert len(set(made.values())) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [f"made    {key} (kept in .env)" for key in MADE]
    assert "new     .env" in lines
    assert lines[-1].startswith("site prefect-site (server agent client): ")


def test_two_sites_have_secrets_of_their_own(tmp_path: Path) -> None:
    sites = [secrets(render(folder)) for folder in (tmp_path / "one", tmp_path / "two")]
    assert not set(sites[0].values()) & set(sites[1].values())


def test_a_second_render_changes_nothing_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render(tmp_path)
    before = tree(tmp_path)
    capsys.readouterr()
    render(tmp_path)
    assert tree(tmp_path) == before
    assert capsys.readouterr().out == "site prefect-site (server agent client): nothing changed\n"


def test_secrets_are_closed_to_others(tmp_path: Path) -> None:
    render(tmp_path)
    assert mode(tmp_path / ".env") == 0o600
    for folder in ("server", "agent", "client", ".site"):
        assert mode(tmp_path / folder / "secrets") == 0o700
        # Below the closed folder: a container's unprivileged user reads the file through its mount.
        assert {mode(path) for path in (tmp_path / folder / "secrets").iterdir()} == {0o444}


@pytest.mark.parametrize(
    ("path", "opened"),
    [(".env", 0o644), ("server/secrets", 0o755), ("agent/secrets/PREFECT_API_AUTH_STRING", 0o644)],
)
def test_what_was_opened_to_others_is_closed_again(
    path: str, opened: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    render(tmp_path)
    closed = mode(tmp_path / path)
    (tmp_path / path).chmod(opened)
    capsys.readouterr()
    assert main(["--output", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out.startswith(f"mode    {path}")
    render(tmp_path)
    assert mode(tmp_path / path) == closed


def test_secrets_of_another_env_are_kept_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "als.env").write_text("SITE=als\nSERVER_DATABASE=sqlite\n", encoding="utf-8")
    assert main(["--env", str(tmp_path / "als.env"), "--output", str(tmp_path / "als")]) == 0
    assert capsys.readouterr().out.startswith("made    PREFECT_API_AUTH_STRING (kept in ../als.env)\n")


@pytest.mark.parametrize("options", [[], ["--check"], ["--diff"]])
def test_a_site_that_lost_its_env_gets_no_new_secrets(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would lock its owner out of the database, whose volume knows the old ones."""
    render(tmp_path)
    (tmp_path / ".env").unlink()
    before = tree(tmp_path)
    capsys.readouterr()
    assert main([*options, "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path / '.env'}: there is no such file, and {tmp_path} holds a site; put its settings back, or name them "
        f"with --env, or remove {tmp_path / '.site/rendered'} to begin another site there\n"
    )
    assert tree(tmp_path) == before


def test_a_secret_of_the_user_is_kept(tmp_path: Path) -> None:
    text = "".join(f"{key}=mine:{key}\n" for key in MADE)
    assert render(tmp_path, text) == text


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        ("SERVER_AUTH=false", MADE[1:]),
        ("SERVER_DATABASE=sqlite", MADE[:1]),
        ("SERVER_DATABASE=sqlite\nSERVER_AUTH=false", ()),
        ("COMPONENTS=agent\nPREFECT_API_URL=http://prefect/api\nSERVER_AUTH=false", ()),
    ],
)
def test_only_what_the_site_uses_is_made(settings: str, made: tuple[str, ...], tmp_path: Path) -> None:
    assert set(secrets(render(tmp_path, settings + "\n"))) == set(made)


def test_a_secret_outlives_the_component_that_uses_it(tmp_path: Path) -> None:
    """Back from sqlite to PostgreSQL, whose volume knows the old password."""
    first = render(tmp_path)
    render(tmp_path, first.replace("SERVER_DATABASE=postgres", "SERVER_DATABASE=sqlite"))
    assert secrets(render(tmp_path, first)) == secrets(first)


KEPT = """\
# My site. Do not touch!
  SITE = als   # the beamline

\t# indented with a tab
export SERVER_PORT='4300'
SERVER_DATABASE_PASSWORD=  # made by render
SERVER_REDIS_PASSWORD="" # "quoted" 'comment' = with an equals sign
AGENT_POOL="beam\\"line" # escaped
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["\n", ""])
def test_what_the_user_wrote_is_kept_to_the_letter(newline: str, mark: str, last: str, tmp_path: Path) -> None:
    """Comments, order, quotes, spaces, line ends, a byte order mark: only the secrets are added."""
    text = (
        mark
        + KEPT.replace('"beam\\"line"', "beam_line").rstrip("\n").replace("\n", newline)
        + last.replace("\n", newline)
    )
    filled = render(tmp_path, text)
    made = {key: found[1] for key in MADE if (found := re.search(rf"^{key}=(\S+)", filled, re.MULTILINE))}
    expected = text.replace("PASSWORD=  # made", f"PASSWORD={made[MADE[1]]}  # made")
    expected = expected.replace('PASSWORD="" # "quoted"', f'PASSWORD={made[MADE[2]]}  # "quoted"')
    login = f"{MADE[0]}={made[MADE[0]]}{newline}"
    assert filled == expected + ("" if last else newline) + login
    assert render(tmp_path) == filled


def test_line_ends_stay_mixed(tmp_path: Path) -> None:
    text = "SITE=als\r\n# unix\nSERVER_AUTH=false\r\nSERVER_DATABASE=sqlite\n"
    assert render(tmp_path, text) == text


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
