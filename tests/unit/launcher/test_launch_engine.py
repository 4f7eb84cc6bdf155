"""The engine's API over the ways that lead to it, and what comes back when it refuses; the servers are real ones."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from launchers.containers.engine import Engine, connect
from launchers.containers.errors import EngineError


class Refusing(BaseHTTPRequestHandler):
    """Tells its name, and refuses to make containers as the site's proxy does."""

    def do_GET(self) -> None:
        self._answer(200, {"Name": "engine"})

    def do_POST(self) -> None:
        self._answer(403, {"message": "privileged containers are not allowed"})

    def _answer(self, status: int, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of the server, as host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def write_certificates(folder: Path) -> Path:
    """A folder as the docker command has it; one certificate is CA, server and client."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "engine")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    for file in ("ca.pem", "cert.pem"):
        (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    return write_certificates(tmp_path / "certificates")


@pytest.fixture
def tls_address(certificates: Path) -> Iterator[str]:
    """A server that lets in only who has a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as address:
        yield address


def test_an_engine_is_reached_as_the_docker_command_reaches_it() -> None:
    with serving() as address, connect({"DOCKER_HOST": f"tcp://{address}"}) as engine:
        assert engine.info() == {"Name": "engine"}


def test_no_proxy_for_the_internet_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving() as address, Engine(f"tcp://{address}") as engine:
        assert engine.info() == {"Name": "engine"}


def test_client_certificates_open_an_engine_with_tls(tls_address: str, certificates: Path) -> None:
    environ = {"DOCKER_HOST": f"tcp://{tls_address}", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    with connect(environ) as engine:
        assert engine.info() == {"Name": "engine"}


def test_an_engine_whose_certificate_is_of_another_ca_is_refused(tls_address: str, tmp_path: Path) -> None:
    other = write_certificates(tmp_path / "other")
    with Engine(f"tcp://{tls_address}", other) as engine, pytest.raises(EngineError) as refused:
        engine.info()
    told = str(refused.value)
    assert told.startswith(f"no container engine answers at tcp://{tls_address} ([SSL: CERTIFICATE_VERIFY_FAILED]")
    assert told.endswith("correct the certificates (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)")


def test_missing_certificates_are_reported(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as refused:
        Engine("tcp://127.0.0.1:2376", tmp_path)
    assert str(refused.value) == (
        f"the engine's client certificates in {tmp_path} cannot be read ([Errno 2] No such file or directory): "
        "mount ca.pem, cert.pem and key.pem there, or correct DOCKER_CERT_PATH"
    )


@pytest.mark.parametrize("host", ["ssh://me@machine", "tcp://", "/var/run/docker.sock", "http://127.0.0.1:2375"])
def test_an_address_of_another_kind_is_reported(host: str) -> None:
    with pytest.raises(EngineError) as refused:
        connect({"DOCKER_HOST": host})
    assert str(refused.value) == f"DOCKER_HOST {host!r} is not understood here: write unix:///path or tcp://host:port"


def test_a_proxys_refusal_reaches_the_reader() -> None:
    with serving() as address, Engine(f"tcp://{address}") as engine, pytest.raises(EngineError) as refused:
        engine.create("als-1", {"Image": "pca:1"})
    assert refused.value.status == 403
    assert str(refused.value) == (
        "the engine's proxy refused POST /containers/create: privileged containers are not allowed; "
        "leave out of docker_params what the site's engine proxy forbids, or have its settings allow it"
    )
