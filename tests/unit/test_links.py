"""Links in logs and notifications lead to the UI as people open it, wherever a client of Prefect runs."""

from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml

from stack.components import server
from tests.unit.parsed import parse
from tests.unit.test_services import ALL_POOLS, plan

PUBLIC = "https://host.example.org/prefect"
LOGIN = "PREFECT_API_AUTH_STRING=admin:correct-horse-battery"
SMALL = ["COMPONENTS=server client", "SERVER_DATABASE=sqlite"]
# Services in which Prefect itself makes links: workers, which hand their settings on to flow containers, too.
CLIENTS = {"server", "services", "worker", "parent", "conda", "slurm", "client"}


@pytest.mark.parametrize(
    ("given", "url", "base"),
    [
        ({}, "http://localhost:4200", ""),
        ({"SERVER_PORT": "4300"}, "http://localhost:4300", ""),
        ({"SERVER_BIND": "0.0.0.0"}, "http://localhost:4200", ""),
        ({"SERVER_BIND": "10.1.2.3"}, "http://10.1.2.3:4200", ""),
        ({"SERVER_UI_API_URL": "https://host.example.org/api"}, "https://host.example.org", ""),
        ({"SERVER_UI_API_URL": f"{PUBLIC}/api"}, PUBLIC, "/prefect"),
        ({"SERVER_UI_API_URL": f"{PUBLIC}/lab/api/"}, f"{PUBLIC}/lab", "/prefect/lab"),
        ({"PREFECT_API_URL": "http://lab:4200/api"}, "http://lab:4200", ""),
        ({"PREFECT_API_URL": "http://lab:4200/api", "SERVER_UI_API_URL": f"{PUBLIC}/api"}, PUBLIC, "/prefect"),
    ],
)
def test_where_people_open_the_ui(given: dict[str, str], url: str, base: str) -> None:
    settings = parse(given)
    assert (server.browser_url(settings), server.ui_base(settings)) == (url, base)


@pytest.mark.parametrize("lines", [["COMPONENTS=all", ALL_POOLS], SMALL])
@pytest.mark.parametrize("url", [PUBLIC, "https://host.example.org"])
def test_every_client_of_a_site_knows_it(tmp_path: Path, lines: list[str], url: str) -> None:
    files = plan(tmp_path, *lines, f"SERVER_UI_API_URL={url}/api")
    services = [
        (name, service.get("environment", {}))
        for path, text in files.items()
        if "compose" in path
        for name, service in yaml.safe_load(text)["services"].items()
    ]
    found = {name: environment.get("PREFECT_UI_URL") for name, environment in services if name in CLIENTS}
    assert set(found.values()) == {url}
    [server_environment] = [environment for name, environment in services if name == "server"]
    assert server_environment.get("PREFECT_SERVER_UI_SERVE_BASE") == ("/prefect/" if url == PUBLIC else None)


def test_another_machines_workers_know_it(tmp_path: Path) -> None:
    files = plan(tmp_path, "COMPONENTS=agent", "PREFECT_API_URL=http://lab:4200/api", LOGIN)
    assert b"PREFECT_UI_URL: 'http://lab:4200'\n" in files["agent/compose.yaml"].replace(b'"', b"'")


def test_processes_and_the_profile_know_it(tmp_path: Path) -> None:
    files = plan(tmp_path, "COMPONENTS=server agent client", f"SERVER_UI_API_URL={PUBLIC}/api")
    config = RawConfigParser(comment_prefixes=(";",))
    config.read_string(files["supervisord.conf"].decode())
    for program in ("server", "worker"):
        assert f'PREFECT_UI_URL="{PUBLIC}"' in config[f"program:{program}"]["environment"]
    assert 'PREFECT_SERVER_UI_SERVE_BASE="/prefect/"' in config["program:server"]["environment"]
    assert f'PREFECT_UI_URL = "{PUBLIC}"' in files[".site/profile/profiles.toml"].decode()
