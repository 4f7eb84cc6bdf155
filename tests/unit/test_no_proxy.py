"""A proxy of the user's is not asked for what is on this machine or beside a container. On an engine:
tests/e2e/test_user_proxy.py."""

import http.server
import json
import os
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker_worker import with_neighbours
from launchers.containers.container import container_spec
from launchers.containers.schema import DockerParams

from stack.components.all import ALL
from stack.images import proxies
from stack.run import http as site_http
from tests.sites import REPO
from tests.unit.test_services import ALL_POOLS, NO_DOCKER, plan

DEAD = "http://127.0.0.1:9"
ASKS_NOBODY = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
EVERYTHING = ["COMPONENTS=all", ALL_POOLS, "SITE=lab"]
REMOTE = ["COMPONENTS=agent worker-docker client", "PREFECT_API_URL=https://api.example.org/api", "SITE=lab"]
LOGIN = "PREFECT_API_AUTH_STRING=admin:correct-horse-battery"


@pytest.fixture
def server() -> Iterator[str]:
    """Something that listens on loopback."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/"
        listening.shutdown()


def services(tmp_path: Path, *lines: str) -> dict[str, dict[str, Any]]:
    files = {path: yaml.safe_load(text) for path, text in plan(tmp_path, *lines).items() if "compose" in path}
    return {f"{path} {name}": one for path, file in files.items() for name, one in file["services"].items()}


@pytest.mark.parametrize("lines", [EVERYTHING, ["COMPONENTS=server client", "SERVER_DATABASE=sqlite"], [NO_DOCKER]])
def test_every_container_of_a_site_knows_its_neighbours_or_no_proxy(tmp_path: Path, lines: list[str]) -> None:
    for name, service in services(tmp_path, *lines).items():
        environment = service.get("environment", {})
        alone = service.get("network_mode") == "none" or name.endswith("socket-proxy")  # a socket, or TLS by itself
        silent = environment.keys() >= ASKS_NOBODY and not any(environment[one] for one in ASKS_NOBODY)
        assert alone or silent or _names(environment["SITE_NO_PROXY"]) >= _neighbours(), name


def _names(listed: str) -> set[str]:
    return set(listed.split(","))


def _neighbours() -> set[str]:
    return {"localhost", "127.0.0.1", "::1"} | {name for component in ALL for name in component.services}


def test_the_sites_own_names_are_among_them_wherever_they_are(tmp_path: Path) -> None:
    for service in services(tmp_path, *REMOTE, LOGIN, "REGISTRY_HOST=images.example.org").values():
        listed = service.get("environment", {}).get("SITE_NO_PROXY")
        assert listed is None or _names(listed) >= {".lab", "api.example.org", "images.example.org"}


def test_processes_know_them_too(tmp_path: Path) -> None:
    text = plan(tmp_path, "COMPONENTS=server agent client")["supervisord.conf"].decode()
    lines = [line for line in text.splitlines() if line.startswith("environment=")]
    assert lines
    assert all('SITE_NO_PROXY="localhost,127.0.0.1,::1,' in line for line in lines)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "server,localhost"),
        ({"NO_PROXY": "corp"}, "corp,server,localhost"),
        ({"no_proxy": "corp"}, "corp,server,localhost"),
        ({"NO_PROXY": "corp", "no_proxy": "corp"}, "corp,server,localhost"),
        ({"NO_PROXY": "one", "no_proxy": "two,three"}, "one,two,three,server,localhost"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_the_users_own_list_is_kept_and_added_to(given: dict[str, str], found: str) -> None:
    environment = {"PATH": os.environ["PATH"], "SECRETS_DIR": "/nowhere", "SITE_NO_PROXY": "server,localhost"} | given
    command = ["sh", str(REPO / "images/prefect/with-secrets"), "sh", "-c", 'printf "%s %s" "$NO_PROXY" "$no_proxy"']
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{found} {found}"


@pytest.mark.parametrize(
    ("env", "neighbours", "found"),
    [
        ({"A": "b"}, "", None),
        ({"A": "b"}, "corp,server", "corp,server"),
        ({"http_proxy": DEAD, "no_proxy": "mine"}, "corp,server", "mine,corp,server"),
        ({"NO_PROXY": "mine", "no_proxy": "mine"}, "server", "mine,server"),
        ({"NO_PROXY": None}, "server", "server"),
        ({"NO_PROXY": "*"}, "server", "*"),
    ],
)
def test_flow_containers_get_what_their_worker_has(env: dict[str, str], neighbours: str, found: str | None) -> None:
    made = with_neighbours(env, neighbours)
    assert (made.get("NO_PROXY"), made.get("no_proxy")) == (found, found)
    assert {name: value for name, value in made.items() if name.lower() != "no_proxy"} == {
        name: value for name, value in env.items() if name.lower() != "no_proxy"
    }


def test_a_launched_container_gets_them_unless_its_parameters_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "server")
    monkeypatch.setenv("no_proxy", "server")
    params = DockerParams(image_name="a", image_tag="1", env_vars={"no_proxy": "own"})
    assert container_spec(params, {}, [])["Env"] == ["NO_PROXY=server", "no_proxy=own"]


def test_a_build_keeps_the_users_list_and_adds_this_machine(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": DEAD, "noProxy": "corp"}}}))
    given = {"DOCKER_CONFIG": str(tmp_path), "https_proxy": DEAD, "NO_PROXY": "own"}
    listed = "own,corp,localhost,127.0.0.1,::1"
    assert proxies.arguments(given) == ["https_proxy", f"NO_PROXY={listed}", f"no_proxy={listed}"]
    for broken in ("{", "[]", '{"proxies": []}', '{"proxies": {"default": 1}}'):
        (tmp_path / "config.json").write_text(broken)
        assert proxies.arguments({"DOCKER_CONFIG": str(tmp_path)})[0] == "NO_PROXY=localhost,127.0.0.1,::1"


def test_doctor_and_make_up_ask_this_machine_without_a_proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", DEAD)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(OSError, match="refused"):  # so the proxy would be asked
        urllib.request.build_opener().open(server)
    answer = site_http.get(server)
    assert answer is not None
    assert answer.worked


def test_a_pool_passes_nothing_of_it_to_runs_by_itself(tmp_path: Path) -> None:
    """What a worker knows at its start is right for its engine; a template would keep an old list."""
    templates = {path: text for path, text in plan(tmp_path, *EVERYTHING).items() if path.endswith(".json")}
    assert templates
    assert not any(b"NO_PROXY" in text for text in templates.values())
