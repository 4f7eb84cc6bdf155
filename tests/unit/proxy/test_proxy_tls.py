"""An engine on a network: over TLS with the client's certificate, and trusted only through its CA."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.complete import certificates
from stack.components.component import CLIENT_USAGE as CLIENT
from stack.components.component import SERVER_USAGE as SERVER
from tests.unit.proxy.engine import TlsRecorder
from tests.unit.proxy.running import COMMAND, Running, environment, read_until, running
from tests.unit.proxy.test_proxy_http import ATTACH, LAST, attach, message, status


@dataclass(frozen=True)
class Side:
    """What one side of the connection has in its folder: the CA that it trusts, and its own certificate."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, trusted: certificates.Pair, own: certificates.Pair) -> "Side":
        folder.mkdir()
        (folder / "ca.pem").write_bytes(trusted.certificate)
        (folder / "cert.pem").write_bytes(own.certificate)
        (folder / "key.pem").write_bytes(own.key)
        return cls(folder)

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture
def site_ca() -> certificates.Pair:
    return certificates.authority("als CA", None)


@pytest.fixture
def engine(folder: Path, site_ca: certificates.Pair) -> TlsRecorder:
    own = certificates.issue(site_ca, ["localhost"], SERVER, None)
    return TlsRecorder(Side.make(folder / "engine", site_ca, own).server_context())


@pytest.fixture
def client(folder: Path, site_ca: certificates.Pair) -> Side:
    return Side.make(folder / "client", site_ca, certificates.issue(site_ca, ["client"], CLIENT, None))


@pytest.fixture
def proxy(folder: Path, engine: TlsRecorder, client: Side) -> Iterator[Running]:
    with running(folder, engine, **settings(engine, client)) as started:
        yield started


def settings(engine: TlsRecorder, client: Side) -> dict[str, str]:
    return {
        "DOCKER_PROXY_ENGINE": f"tcp://localhost:{engine.port}",
        "DOCKER_PROXY_ENGINE_CERTIFICATES": str(client.folder),
    }


def test_a_request_reaches_the_engine(proxy: Running, engine: TlsRecorder) -> None:
    assert status(proxy.say(LAST)) == 200
    assert [request.split(b"\r\n")[0] for request in engine.requests] == [b"GET /_ping HTTP/1.1"]


def test_attach_carries_bytes_both_ways_until_the_engine_ends_it(proxy: Running, engine: TlsRecorder) -> None:
    engine.answer = attach
    with proxy.connect() as joined:
        joined.sendall(ATTACH % b"tcp" + b"early ")
        read_until(joined, b"helloEARLY ")
        engine.close()
        joined.sendall(b"late")
        read_until(joined, b"LATE")


def test_an_engine_of_another_ca_is_not_spoken_to(folder: Path, engine: TlsRecorder) -> None:
    other = certificates.authority("other CA", None)
    stranger = Side.make(folder / "client", other, certificates.issue(other, ["client"], CLIENT, None))
    at = f"tcp://localhost:{engine.port}"
    with running(folder, engine, **settings(engine, stranger)) as proxy:
        answer = proxy.say(LAST)
    assert status(answer) == 502
    said = f"socket proxy (launcher): no engine answers at {at}: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify"
    assert message(answer).startswith(said)
    assert engine.requests == []


def test_a_client_of_another_ca_is_not_let_in(folder: Path, site_ca: certificates.Pair, engine: TlsRecorder) -> None:
    other = certificates.authority("other CA", None)
    stranger = Side.make(folder / "client", site_ca, certificates.issue(other, ["client"], CLIENT, None))
    with running(folder, engine, **settings(engine, stranger)) as proxy:
        assert status(proxy.say(LAST)) == 502
    assert engine.requests == []


def test_an_engine_that_is_gone(proxy: Running, engine: TlsRecorder) -> None:
    port = engine.port
    engine.close()
    reason = message(proxy.say(LAST))
    assert reason.startswith(f"socket proxy (launcher): no engine answers at tcp://localhost:{port}: ")


def test_certificates_that_are_missing_are_named(folder: Path, engine: TlsRecorder, client: Side) -> None:
    (client.folder / "key.pem").unlink()
    (client.folder / "ca.pem").unlink()
    assert faults(folder, engine, client) == [
        f"socket-proxy: DOCKER_PROXY_ENGINE_CERTIFICATES: the proxy's user cannot read {client.folder}/{name}"
        for name in ("ca.pem", "key.pem")
    ]


def test_certificates_that_do_not_fit_are_named(folder: Path, engine: TlsRecorder, client: Side) -> None:
    shutil.copy(folder / "engine" / "key.pem", client.folder)
    paths = ", ".join(f"{client.folder}/{name}.pem" for name in ("ca", "cert", "key"))
    assert faults(folder, engine, client) == [
        f"socket-proxy: DOCKER_PROXY_ENGINE_CERTIFICATES: {paths} must be a CA, a certificate and its key, in PEM"
    ]


def faults(folder: Path, engine: TlsRecorder, client: Side) -> list[str]:
    known = environment(folder, **settings(engine, client))
    done = subprocess.run(COMMAND, env=known, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()
