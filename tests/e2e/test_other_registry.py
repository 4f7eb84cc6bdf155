"""A registry of other people, whose users and passwords are not those that the site's own takes."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from launchers.containers.engine import DEFAULT_HOST, Engine
from launchers.containers.errors import EngineError
from launchers.containers.registry_login import registry_login

from stack.run.login import log_in

pytestmark = pytest.mark.engine

USER, PASSWORD = "robot$lab+ci", "p $HOME é'\"" * 12


class Registry(BaseHTTPRequestHandler):
    """Knows one user, and has no image."""

    def do_GET(self) -> None:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {login}":
            self._say(401, "UNAUTHORIZED")
        elif self.path == "/v2/":
            self._say(200, "")
        else:
            self._say(404, "MANIFEST_UNKNOWN")

    do_HEAD = do_GET

    def _say(self, status: int, code: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]} if code else {})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """On loopback, where engines need no TLS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server, ExitStack() as ending:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        ending.callback(thread.join)
        ending.callback(server.shutdown)
        yield f"127.0.0.1:{server.server_port}"


def test_up_logs_in_with_any_user_and_password(address: str, tmp_path: Path) -> None:
    assert log_in(tmp_path, address, USER, PASSWORD).refusal == ""
    assert "401" in log_in(tmp_path, address, USER, PASSWORD[:72]).refusal


def test_a_launch_pulls_with_what_docker_login_left(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log_in(tmp_path, address, USER, PASSWORD).refusal == ""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    image = f"{address}/lab/pca"
    with Engine(DEFAULT_HOST) as engine:
        with pytest.raises(EngineError, match="manifest unknown"):  # so the registry has let it in
            engine.pull(image, "1", registry_login(image, ""))
        with pytest.raises(EngineError, match=r"(?i)unauthorized|no basic auth"):
            engine.pull(image, "1", {})
