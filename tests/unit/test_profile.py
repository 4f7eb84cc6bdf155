"""The rendered profile of Prefect: what it says, who may read it."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from stack.cli import main
from stack.render import profile
from tests.passwords import logins
from tests.unit.parsed import parse

Capture = pytest.CaptureFixture[str]
LOGIN = "admin:a-login"
TLS = "https://prefect.example.org/api"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def said(**given: str) -> dict[str, Any]:
    """What the profile of a site with these settings says."""
    [file] = profile.files(parse({"SITE": "als", "PREFECT_API_AUTH_STRING": LOGIN} | given))
    whole = tomllib.loads(file.content.decode())
    assert (whole["active"], list(whole["profiles"])) == ("als", ["als"])
    return dict(whole["profiles"]["als"])


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:4200/api"),
        ({"SERVER_PORT": "4300"}, "http://127.0.0.1:4300/api"),
        ({"SERVER_BIND": "0.0.0.0"}, "http://127.0.0.1:4200/api"),
        ({"SERVER_BIND": "10.1.2.3"}, "http://10.1.2.3:4200/api"),
        ({"SERVER_BIND": "::"}, "http://[::1]:4200/api"),
        ({"SERVER_BIND": "::1"}, "http://[::1]:4200/api"),
        ({"SERVER_UI_API_URL": TLS}, TLS),
        ({"COMPONENTS": "agent", "PREFECT_API_URL": "http://server.example.org:4200/api"}, "http://server.example.org:4200/api"),
    ],
)  # fmt: skip
def test_the_url_is_the_one_that_people_use(given: dict[str, str], url: str) -> None:
    profile = said(**given)
    assert profile.pop("PREFECT_UI_URL")  # tests/unit/test_links.py
    assert profile == {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": LOGIN}


def test_without_a_login_it_has_none() -> None:
    profile = said(SERVER_AUTH="false")
    assert profile == {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "PREFECT_UI_URL": "http://localhost:4200"}


def test_a_private_authority_is_named_where_there_is_tls() -> None:
    assert said(SERVER_UI_API_URL=TLS, EXTRA_CA_BUNDLE=BUNDLE)["PREFECT_API_SSL_CERT_FILE"] == BUNDLE
    assert "PREFECT_API_SSL_CERT_FILE" not in said(EXTRA_CA_BUNDLE=BUNDLE)


def test_a_machine_that_knows_no_server_has_none() -> None:
    assert profile.files(parse({"COMPONENTS": "registry"})) == []


@given(logins)
def test_a_login_is_the_same_in_the_profile(login: str) -> None:
    assert said(PREFECT_API_AUTH_STRING=login)["PREFECT_API_AUTH_STRING"] == login


def test_only_its_owner_reads_it_and_no_diff_shows_it(tmp_path: Path, capsys: Capture) -> None:
    root = tmp_path / "site"
    assert main(["--output", str(root)]) == 0
    path = root / profile.PATH
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    path.unlink()
    path.parent.chmod(0o755)
    capsys.readouterr()
    assert main(["--output", str(root), "--diff"]) == 0
    assert capsys.readouterr().out == (
        f"--- {profile.PATH}\n+++ {profile.PATH}\n(content not shown)\nnew     {profile.PATH}\n"
    )
    assert main(["--output", str(root)]) == 0
    path.parent.chmod(0o755)
    assert main(["--output", str(root), "--check"]) == 1
    assert capsys.readouterr().out.endswith(f"mode    {profile.PATH}\n")


def test_the_command_is_one_line_that_a_shell_takes_as_it_is(tmp_path: Path) -> None:
    line = profile.command(tmp_path / "it's", parse({"SERVER_UI_API_URL": TLS}))
    path = f"""'{tmp_path}/it'"'"'s/.site/profile/profiles.toml'"""
    assert line == f"export PREFECT_PROFILES_PATH={path} PREFECT_API_URL={TLS}"
