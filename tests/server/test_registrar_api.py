"""Which API the registrar takes, and what it says of the others."""

import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import prefect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.server.conftest import Folder, Server, environment, free_port, running_server


@contextmanager
def answering(status: int, body: str, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """An HTTP server that is not a Prefect server: it answers only the request for the version, as set here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/api/admin/version"
            self.send_response(status if known else 404)
            self.end_headers()
            self.wfile.write(body.encode() if known else b"{}")

        def log_message(self, *_: object) -> None:
            """Log no requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    """A registration that asks for nothing, and no server."""
    folder = Folder(tmp_path, Server("http://127.0.0.1:1/api", environment(tmp_path, 1)))
    folder.write("registration.yaml", "{}")
    return folder


def refusal(folder: Folder, **settings: str) -> list[str]:
    done = folder.register("--wait", "1", **settings)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


def test_a_client_newer_than_its_server_is_refused(empty: Folder) -> None:
    with answering(200, json.dumps("3.0.0")) as url:
        assert refusal(empty, PREFECT_API_URL=url) == [
            f"{url}: runs Prefect 3.0.0, and this client is {prefect.__version__}, which is newer; "
            f"bring the server to {prefect.__version__}, or use a client of 3.0.0"
        ]


def test_a_client_older_than_its_server_is_taken(empty: Folder) -> None:
    with answering(200, json.dumps("99.0.0")) as url:
        done = empty.register(PREFECT_API_URL=url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("status", "body"), [(200, "<html>"), (404, "{}"), (200, "5"), (200, '"soon"'), (302, "")])
def test_what_is_no_prefect_api_is_refused(empty: Folder, status: int, body: str) -> None:
    with answering(status, body) as url:
        assert refusal(empty, PREFECT_API_URL=url) == [f"{url}: not a Prefect API; does PREFECT_API_URL end in /api?"]


def test_the_ui_is_no_api(empty: Folder, server: Server) -> None:
    url = server.url.removesuffix("/api")
    assert refusal(empty, PREFECT_API_URL=url) == [f"{url}: not a Prefect API; does PREFECT_API_URL end in /api?"]


def test_an_api_that_never_answers_is_given_up(empty: Folder) -> None:
    assert refusal(empty)[-1] == (
        "http://127.0.0.1:1/api: no answer within 1 s (Connection refused); is the server up, is the URL right?"
    )


def test_a_server_in_trouble_is_waited_for(empty: Folder) -> None:
    with answering(503, "") as url:
        assert refusal(empty, PREFECT_API_URL=url)[-1] == (
            f"{url}: no answer within 1 s (HTTP 503); is the server up, is the URL right?"
        )


@pytest.mark.parametrize("url", ["127.0.0.1:4200/api", "server"])
def test_what_is_no_url_is_refused_at_once(empty: Folder, url: str) -> None:
    assert refusal(empty, PREFECT_API_URL=url) == [f"PREFECT_API_URL: {url}: not a URL; write http://host:port/api"]


def test_a_missing_url_is_asked_for(empty: Folder) -> None:
    assert refusal(empty, PREFECT_API_URL="") == [
        "PREFECT_API_URL: is not set; write the URL of the site's API, such as http://server:4200/api"
    ]


def test_settings_that_prefect_cannot_read_are_no_traceback(empty: Folder) -> None:
    done = empty.register(PREFECT_CLIENT_MAX_RETRIES="many")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Prefect's settings: 1 validation error for ClientSettings")
    assert "Traceback" not in done.stderr


def test_a_certificate_of_an_unknown_authority_is_refused_at_once(empty: Folder, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with answering(200, json.dumps("99.0.0"), context) as url:
        line = f"{url}: its certificate is not trusted here; set PREFECT_API_SSL_CERT_FILE to its CA"
        assert refusal(empty, PREFECT_API_URL=url) == [line]
        trusting = empty.register(PREFECT_API_URL=url, PREFECT_API_SSL_CERT_FILE=str(tmp_path / "tls.pem"))
    assert (trusting.returncode, trusting.stderr) == (0, "")


def self_signed(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that no authority signed, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    draft = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    draft = draft.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.IPAddress(ip_address("127.0.0.1"))
    signed = draft.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(key, hashes.SHA256())
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tls.pem").write_bytes(plain + signed.public_bytes(Encoding.PEM))
    return folder / "tls.pem"


def test_a_wrong_login_is_refused_and_the_right_one_taken(empty: Folder, tmp_path: Path) -> None:
    login = "admin:p4ss:$word"
    with running_server(
        tmp_path / "home", free_port(), PREFECT_SERVER_API_AUTH_STRING=login, PREFECT_API_AUTH_STRING=login
    ) as server:
        line = f"{server.url}: refuses the login (HTTP 401); set PREFECT_API_AUTH_STRING to user:password"
        assert refusal(empty, PREFECT_API_URL=server.url) == [line]
        assert refusal(empty, PREFECT_API_URL=server.url, PREFECT_API_AUTH_STRING="admin:wrong") == [line]
        done = empty.register(PREFECT_API_URL=server.url, PREFECT_API_AUTH_STRING=login)
        assert (done.returncode, done.stdout) == (0, "")


def test_a_server_that_starts_later_is_waited_for(empty: Folder, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "registrar", "--wait", "300"]
    env = environment(tmp_path, port)
    with subprocess.Popen(
        command, cwd=empty.path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as registrar:
        assert registrar.stderr
        first = registrar.stderr.readline()
        with running_server(tmp_path / "home", port):
            output, _ = registrar.communicate()
    url = re.escape(f"http://127.0.0.1:{port}/api")
    assert re.fullmatch(rf"waiting for {url}: Connection refused \(\d+ s of 300 s\)\n", first)
    assert (registrar.returncode, output) == (0, "")
