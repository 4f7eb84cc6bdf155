"""What the server changes of Prefect's pages. The pages themselves, in a browser: tests/e2e/test_ui.py."""

import subprocess
import sys
from pathlib import Path

import pytest
from web.subpath import path_inside

SERVER = Path(__file__).parents[2] / "server"
# In a process of its own: the changes are to Prefect's modules, which other tests use.
SCRIPT = """
import sys
from pathlib import Path
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prefect.server.api import collections, server
import web

server.create_ui_app(False)
unpacked = Path("ui/v2/index.html")
assert "guard.js" not in unpacked.read_text()
web.apply()
browser = TestClient(server.create_ui_app(False))  # unpacked by an earlier version: made again
assert unpacked.read_text().count("guard.js") == 1
for path in ("/", "/v2/"):
    page = browser.get(path, cookies={"prefect_ui_version": "v1"}).text
    before, _, after = page.partition(f'<script src="{path}guard.js"')
    assert "Content-Security-Policy" in before and "src=" not in before, before
    assert "default-src 'self' https://api.example.org wss://api.example.org data: blob:" in before, before
    assert after.startswith(' data-hosts="https://api.example.org wss://api.example.org"'), after
    assert "window.fetch" in browser.get(f"{path}guard.js").text

app = FastAPI(title="<API>")
app.include_router(collections.router)
client = TestClient(app)
for path in ("/docs", "/redoc"):
    assert "//" not in client.get(path).text and "/openapi.json" in client.get(path).text, path

class Refused:
    def __init__(self, *arguments, **named): sys.exit("the server asks outside")

collections.httpx.AsyncClient = Refused
assert "docker" in str(client.get("/collections/views/aggregate-worker-metadata").json())
assert client.get("/collections/views/aggregate-flow-metadata").status_code in (200, 404)
assert client.get("/collections/views/none").status_code == 404
"""


def test_pages_and_server_ask_nobody_outside(tmp_path: Path) -> None:
    given = {
        "PYTHONPATH": str(SERVER),
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(tmp_path / "ui"),
        "PREFECT_SERVER_UI_API_URL": "https://api.example.org/api",
    }
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/api/health", "/api/health"),
        ("/lab/api/health", "/api/health"),
        ("/lab/api", "/api"),
        ("/lab/v2/runs", "/lab/v2/runs"),
        ("/v2/runs", "/lab/v2/runs"),
        ("/", "/lab/"),
        ("/lab", "/lab/"),
        ("/lab/", "/lab/"),
        ("/lab/docs", "/docs"),
        ("/laboratory", "/lab/laboratory"),
        ("/apis", "/lab/apis"),
        ("/ui-settings", "/lab/ui-settings"),
    ],
)
def test_a_path_below_a_host_leads_to_the_same_whether_the_proxy_keeps_it_or_not(asked: str, found: str) -> None:
    assert path_inside(asked, "/lab") == found
