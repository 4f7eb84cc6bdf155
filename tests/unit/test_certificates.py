"""The site's CA and its certificates, held against real TLS handshakes."""

import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack.complete import certificates
from stack.complete.authority import Authority
from stack.complete.certificates import Pair
from stack.components.component import CLIENT_USAGE as CLIENT
from stack.components.component import SERVER_USAGE as SERVER
from stack.core.errors import SiteError
from stack.core.files import File
from stack.load import pem

NAMES = ("registry", "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def ca() -> Pair:
    return certificates.authority("als CA", None)


@pytest.fixture(scope="module")
def server(ca: Pair) -> Pair:
    return certificates.issue(ca, NAMES, SERVER, None)


def context(purpose: int, folder: Path, own: Pair | None, trusted: Pair | None) -> ssl.SSLContext:
    made = ssl.SSLContext(purpose)
    # What Python 3.13 asks for by default.
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    if own:
        (folder / "own.pem").write_bytes(own.certificate + own.key)
        made.load_cert_chain(folder / "own.pem")
    if trusted:
        made.load_verify_locations(cadata=trusted.certificate.decode())
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Both ends in memory, until they have spoken; raises ssl.SSLError where one refuses the other."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [one, other]
    for _ in range(10):
        waiting = [end for end in waiting if not has_finished(end)]
    assert not waiting
    other.write(b"hello")
    assert one.read(5) == b"hello"


def has_finished(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


class TestServer:
    @pytest.mark.parametrize("name", NAMES)
    def test_is_who_it_says(self, name: str, ca: Pair, server: Pair, tmp_path: Path) -> None:
        client = context(ssl.PROTOCOL_TLS_CLIENT, tmp_path, None, ca)
        shake_hands(client, context(ssl.PROTOCOL_TLS_SERVER, tmp_path, server, None), name)

    @pytest.mark.parametrize("name", ["registry2", "127.0.0.2", "a.registry"])
    def test_is_nobody_else(self, name: str, ca: Pair, server: Pair, tmp_path: Path) -> None:
        client = context(ssl.PROTOCOL_TLS_CLIENT, tmp_path, None, ca)
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            shake_hands(client, context(ssl.PROTOCOL_TLS_SERVER, tmp_path, server, None), name)

    def test_is_refused_by_who_trusts_another_ca_of_the_same_name(self, server: Pair, tmp_path: Path) -> None:
        client = context(ssl.PROTOCOL_TLS_CLIENT, tmp_path, None, certificates.authority("als CA", None))
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(client, context(ssl.PROTOCOL_TLS_SERVER, tmp_path, server, None), "registry")

    def test_the_longest_host_name(self, ca: Pair) -> None:
        name = ".".join(["a" * 63] * 3 + ["b" * 61])
        assert pem.names_of(certificates.issue(ca, [name], SERVER, None).certificate) == [name]


class TestClient:
    def test_is_let_in(self, ca: Pair, server: Pair, tmp_path: Path) -> None:
        own = certificates.issue(ca, ["worker"], CLIENT, None)
        shake_hands(*self.both(tmp_path, own, server, ca), "registry")

    def test_a_server_is_no_client(self, ca: Pair, server: Pair, tmp_path: Path) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
            shake_hands(*self.both(tmp_path, server, server, ca), "registry")

    def test_nobody_is_no_client(self, ca: Pair, server: Pair, tmp_path: Path) -> None:
        with pytest.raises(ssl.SSLError, match="peer did not return a certificate"):
            shake_hands(*self.both(tmp_path, None, server, ca), "registry")

    def both(self, folder: Path, own: Pair | None, server: Pair, ca: Pair) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        client = context(ssl.PROTOCOL_TLS_CLIENT, folder, own, ca)
        return client, context(ssl.PROTOCOL_TLS_SERVER, folder, server, ca)


class TestKeeping:
    def test_a_ca_that_will_do(self, ca: Pair) -> None:
        kept = replace(ca, reason="")
        assert certificates.authority("another name", kept) is kept

    def test_a_certificate_that_will_do_in_whatever_order_its_names_are(self, ca: Pair, server: Pair) -> None:
        kept = replace(server, reason="")
        assert certificates.issue(ca, tuple(reversed(NAMES)), SERVER, kept) is kept

    @pytest.mark.parametrize(
        ("names", "usage", "reason"),
        [
            (NAMES[:2], SERVER, "the old one was for registry, localhost, 127.0.0.1"),
            ((*NAMES, "::1"), SERVER, "the old one was for registry, localhost, 127.0.0.1"),
            (NAMES, CLIENT, "the old one was not for a client"),
        ],
    )
    def test_what_it_is_for_changed(
        self, names: Sequence[str], usage: str, reason: str, ca: Pair, server: Pair
    ) -> None:
        made = certificates.issue(ca, names, usage, server)
        assert made.reason == reason
        assert made.key != server.key
        assert pem.names_of(made.certificate) == list(names)

    def test_the_ca_changed(self, server: Pair) -> None:
        for name in ("als CA", "another CA"):
            made = certificates.issue(certificates.authority(name, None), NAMES, SERVER, server)
            assert made.reason == "the old one was signed by another CA"

    def test_there_was_none(self, ca: Pair, server: Pair) -> None:
        assert (ca.reason, server.reason) == ("made", "made")

    def test_what_cannot_be_read(self, ca: Pair, server: Pair) -> None:
        for broken in (replace(server, certificate=b"none"), replace(server, key=b""), replace(server, key=b"\xff\0")):
            assert certificates.issue(ca, NAMES, SERVER, broken).reason == "the old one could not be read"
            assert certificates.authority("als CA", broken).reason == "the old one could not be read"

    def test_a_key_of_another_certificate(self, ca: Pair, server: Pair) -> None:
        mixed = replace(server, key=ca.key)
        assert certificates.issue(ca, NAMES, SERVER, mixed).reason == "the old one did not fit its key"

    def test_a_certificate_is_remade_before_it_ends(self, ca: Pair, server: Pair) -> None:
        end = pem.ends(server.certificate)
        self.lasts(server, certificates.DAYS)
        last = end - timedelta(days=certificates.RENEW_DAYS)
        assert certificates.issue(ca, NAMES, SERVER, server, last) is server
        made = certificates.issue(ca, NAMES, SERVER, server, last + timedelta(seconds=1))
        assert made.reason == f"the old one ends on {end:%Y-%m-%d}"
        assert pem.ends(made.certificate) > end

    def test_a_ca_is_remade_before_it_ends(self, ca: Pair) -> None:
        end = pem.ends(ca.certificate)
        self.lasts(ca, certificates.CA_DAYS)
        last = end - timedelta(days=certificates.RENEW_DAYS)
        assert certificates.authority("als CA", ca, last) is ca
        made = certificates.authority("als CA", ca, last + timedelta(seconds=1))
        assert made.reason == f"the old one ends on {end:%Y-%m-%d}"
        assert pem.ends(made.certificate) > end

    def lasts(self, pair: Pair, days: int) -> None:
        left = pem.ends(pair.certificate) - datetime.now(UTC)
        assert timedelta(days=days) - timedelta(hours=2) < left <= timedelta(days=days)

    def test_no_certificate_outlives_its_ca(self, ca: Pair) -> None:
        end = pem.ends(ca.certificate)
        late = certificates.issue(ca, NAMES, SERVER, None, end - timedelta(days=100))
        assert pem.ends(late.certificate) == end


class TestFiles:
    def test_their_names_and_modes(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path, "als")
        made = [*authority.issue("worker-docker", "dind", ["dind"], SERVER), *authority.files]
        assert [(file.path, oct(file.mode)) for file in made] == [
            ("worker-docker/secrets/dind.crt", "0o444"),
            ("worker-docker/secrets/dind.key", "0o444"),
            (".site/ca/ca.crt", "0o644"),
            (".site/ca/ca.key", "0o600"),
        ]
        ends = pem.ends(made[2].content)
        assert made[2].note == f"made; valid until {ends:%Y-%m-%d}"

    def test_are_kept_to_the_byte(self, tmp_path: Path) -> None:
        first = self.of(Authority(tmp_path, "als"), tmp_path)
        second = self.of(Authority(tmp_path, "als"), tmp_path)
        assert [file.content for file in first] == [file.content for file in second]
        assert all(file.note for file in first[::2])
        assert not any(file.note for file in second)

    def test_one_ca_for_all(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path, "als")
        for folder in ("registry", "worker-docker"):
            certificate, key = authority.issue(folder, "tls", [folder], SERVER)
            pair = Pair(certificate.content, key.content)
            assert certificates.issue(authority.pair, [folder], SERVER, pair) is pair

    def test_a_site_that_needs_no_certificate_has_no_ca(self, tmp_path: Path) -> None:
        assert Authority(tmp_path, "als").files == []

    def test_a_ca_that_nobody_uses_now_stays(self, tmp_path: Path) -> None:
        made = self.of(Authority(tmp_path, "als"), tmp_path)[-2:]
        assert [file.content for file in Authority(tmp_path, "als").files] == [file.content for file in made]

    def test_a_folder_where_a_key_should_be(self, tmp_path: Path) -> None:
        (tmp_path / ".site/ca/ca.key").mkdir(parents=True)
        (tmp_path / ".site/ca/ca.crt").write_text("")
        with pytest.raises(SiteError) as refused:
            Authority(tmp_path, "als").issue("registry", "tls", NAMES, SERVER)
        assert refused.value.faults == (
            f"{tmp_path}/.site/ca/ca.key: cannot be read (Is a directory); correct its owner or mode",
        )

    def of(self, authority: Authority, root: Path) -> list[File]:
        """A certificate and its CA, written."""
        made = [*authority.issue("registry", "tls", NAMES, SERVER), *authority.files]
        for file in made:
            (root / file.path).parent.mkdir(parents=True, exist_ok=True)
            (root / file.path).write_bytes(file.content)
        return made
