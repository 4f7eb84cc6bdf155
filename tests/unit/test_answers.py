"""What health checks ask a program of their container."""

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sites import REPO, free_ports


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/ready" else 503)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def ask(port: int, path: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REPO / "images/prefect/answers.py"), str(port), path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_that_is_well(port: int) -> None:
    assert ask(port, "/api/ready").returncode == 0


def test_one_that_says_it_is_not(port: int) -> None:
    done = ask(port, "/health")
    assert (done.returncode, done.stderr) == (
        1,
        f"http://127.0.0.1:{port}/health: HTTP/1.0 503 Service Unavailable\n",
    )


def test_one_that_is_not_there() -> None:
    (port,) = free_ports(1)
    done = ask(port, "/health")
    assert done.returncode == 1
    assert done.stderr == f"http://127.0.0.1:{port}/health: [Errno 111] Connection refused\n"
