"""An IPv6 address has brackets wherever a URL or HOST:PORT is written, and every interface is called by loopback."""

from pathlib import Path

import pytest

from stack import site
from stack.components import registry, server, storage
from stack.core import url
from stack.core.quoting import redis_url
from stack.render import picture_compose
from stack.run import up
from tests.unit.parsed import parse

LAB = "2001:db8::7"


@pytest.mark.parametrize(
    ("bind", "api", "ui"),
    [
        (LAB, f"http://[{LAB}]:4200/api", f"http://[{LAB}]:4200"),
        ("::", "http://[::1]:4200/api", "http://localhost:4200"),
        ("::1", "http://[::1]:4200/api", "http://localhost:4200"),
        ("0.0.0.0", "http://127.0.0.1:4200/api", "http://localhost:4200"),
        ("127.0.0.1", "http://127.0.0.1:4200/api", "http://localhost:4200"),
        ("127.0.0.2", "http://127.0.0.2:4200/api", "http://127.0.0.2:4200"),
        ("192.168.1.7", "http://192.168.1.7:4200/api", "http://192.168.1.7:4200"),
    ],
)
def test_the_server(tmp_path: Path, capsys: pytest.CaptureFixture[str], bind: str, api: str, ui: str) -> None:
    (tmp_path / ".env").write_text(f"SERVER_BIND={bind}\nSERVER_CLEAR_LOGIN=true\n")
    loaded = site.load(tmp_path / ".env", tmp_path)
    assert server.api_url_here(loaded.settings) == server.api_url_direct(loaded.settings) == api
    up._say_ui(loaded)
    assert capsys.readouterr().out.splitlines()[0] == f"the UI is at {ui}"
    profile = next(file for file in loaded.plan if file.path == ".site/profile/profiles.toml")
    assert f'PREFECT_API_URL = "{api}"\n' in profile.content.decode()


def test_people_may_go_through_a_proxy_and_this_machine_does_not() -> None:
    settings = parse({"SERVER_BIND": LAB, "SERVER_UI_API_URL": "https://prefect.example.org/api"})
    assert server.api_url_here(settings) == "https://prefect.example.org/api"
    assert server.api_url_direct(settings) == f"http://[{LAB}]:4200/api"
    assert server.process_api_url(settings) == "http://127.0.0.1:4200/api"


def test_a_server_elsewhere_is_called_as_it_is_given() -> None:
    given = f"http://[{LAB}]:4200/api"
    settings = parse({"PREFECT_API_URL": given})
    for written in (
        server.api_url(settings),
        server.api_url_here(settings),
        server.api_url_direct(settings),
        server.process_api_url(settings),
    ):
        assert written == given


@pytest.mark.parametrize(
    ("bind", "host"), [(LAB, f"[{LAB}]"), ("::", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("10.0.0.7", "10.0.0.7")]
)
def test_the_s3_server(tmp_path: Path, bind: str, host: str) -> None:
    (tmp_path / ".env").write_text(f"COMPONENTS=storage\nSTORAGE_BIND={bind}\n")
    loaded = site.load(tmp_path / ".env", tmp_path)
    assert storage.url_here(loaded.settings) == f"http://{host}:8333"
    assert storage.url(loaded.settings) == "http://storage.prefect-site:8333"


@pytest.mark.parametrize(
    ("bind", "clear", "tls"),
    [("::", "::1", "::"), ("::1", "::1", "::"), (LAB, LAB, LAB), ("0.0.0.0", "127.0.0.1", "0.0.0.0")],
)
def test_the_registry(bind: str, clear: str, tls: str) -> None:
    """/etc/hosts has addresses without brackets."""
    settings = parse({"COMPONENTS": "registry", "REGISTRY_BIND": bind, "REGISTRY_TLS": "false"})
    assert registry.host_address(settings) == clear
    assert registry.url(settings) == "http://registry:5000"
    encrypted = parse({"COMPONENTS": "registry", "REGISTRY_BIND": bind, "REGISTRY_TLS": "true"})
    assert registry.host_address(encrypted) == tls
    assert registry.url(encrypted) == "https://registry:5000"


def test_the_picture() -> None:
    assert picture_compose._port({"host_ip": LAB, "published": "4200"}) == f"[{LAB}]:4200"
    assert picture_compose._port({"host_ip": "127.0.0.1", "published": "4200"}) == "127.0.0.1:4200"


def test_redis() -> None:
    assert redis_url("p", LAB) == f"redis://default:p@[{LAB}]:6379/0"


def test_paths_and_tls() -> None:
    assert url.http("images.lab", 5000, "/v2/", tls=True) == "https://images.lab:5000/v2/"
    assert url.http(LAB, 5000) == f"http://[{LAB}]:5000"
