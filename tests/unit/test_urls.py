"""Addresses in URLs: IPv6 in brackets, and an address that this machine can connect to."""

from pathlib import Path

import pytest

from stack import site
from stack.components import server, storage
from stack.core.urls import local_url
from stack.run import up


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("fd00::5", "http://[fd00::5]:80"),
    ],
)
def test_url_of_this_machine(bind: str, url: str) -> None:
    assert local_url(bind, 80) == url


def test_every_url_of_a_site_that_is_served_on_ipv6(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binds = "SERVER_BIND=fd00::5\nSERVER_CLEAR_LOGIN=true\nSTORAGE_BIND=fd00::6\n"
    (tmp_path / ".env").write_text(f"COMPONENTS=server storage\n{binds}")
    made = site.load(tmp_path / ".env", tmp_path)
    assert server.url_here(made.settings) == "http://[fd00::5]:4200/api"
    assert storage.url_here(made.settings) == "http://[fd00::6]:8333"
    up._say_ui(made)
    assert capsys.readouterr().out.splitlines()[0] == "the UI is at http://[fd00::5]:4200"
