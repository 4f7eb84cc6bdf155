"""The registry's settings: what is refused, in which words, and what is rendered from the others."""

import ssl
from pathlib import Path

import pytest
import yaml

from stack import site
from stack.complete import certificates
from stack.complete.certificates import Pair
from stack.components import registry
from stack.components.component import CLIENT_USAGE as CLIENT
from stack.components.component import SERVER_USAGE as SERVER
from stack.core.errors import SiteError
from stack.load import pem
from stack.site import Site

BIND = "this must be an IP address without brackets: 127.0.0.1 for this machine only, 0.0.0.0 for everybody"
NAME = "this must be a host name: lower-case letters, digits and hyphens between dots; not an IP"
USER = "a user of the registry has letters, digits and . _ @ -, and begins with a letter or digit"
COLON = "a user of a registry is printable text without a colon, and has no space at its ends"
USERS = "a user is written USER:PASSWORD, several are separated by spaces"
LONG = "ab" * 36 + "c"
EXAMPLE = {
    "REGISTRY_HOST": "registry.example.org",
    "REGISTRY_PORT": "5000",
    "REGISTRY_BIND": "0.0.0.0",
    "REGISTRY_USER": "prefect",
    "REGISTRY_PASSWORD": "'any $printable \"text\"'",
    "REGISTRY_USERS": "alice:correct%20horse bob:battery-staple",
    "REGISTRY_CERTIFICATE": "/etc/ssl/registry/fullchain.pem",
    "REGISTRY_KEY": "/etc/ssl/registry/privkey.pem",
    "REGISTRY_CA": "/etc/ssl/registry/ca.pem",
}


def load(root: Path, *settings: str, components: str = "registry") -> Site:
    (root / ".env").write_text("\n".join([f"COMPONENTS={components}", *settings]) + "\n", encoding="utf-8")
    return site.load(root / ".env", root)


def content(made: Site, path: str) -> str:
    return next(file for file in made.plan if file.path == path).content.decode()


def faults(root: Path, *settings: str, components: str = "registry") -> list[str]:
    with pytest.raises(SiteError) as refused:
        load(root, *settings, components=components)
    return list(refused.value.faults)


def fault(setting: str, reason: str, line: int = 2, instead: str | None = None) -> str:
    key, _, value = setting.partition("=")
    shown = "..." if key in ("REGISTRY_PASSWORD", "REGISTRY_USERS") else value
    advice = EXAMPLE[key] if instead is None else instead
    return f".env:{line}: {key}={shown}: {reason}; write for example {key}={advice}"


class TestOneValue:
    @pytest.mark.parametrize(
        ("setting", "reason"),
        [
            ("REGISTRY_HOST=10.0.0.1", NAME),
            ("REGISTRY_HOST=::1", NAME),
            ("REGISTRY_HOST=Registry", NAME),
            ("REGISTRY_HOST=registry:5000", NAME),
            ("REGISTRY_HOST=https://registry", NAME),
            ("REGISTRY_HOST=my_registry", NAME),
            (
                "REGISTRY_HOST=localhost",
                "inside a container localhost is the container itself; write a name of its own",
            ),
            ("REGISTRY_HOST=server", "a service of the site already has this name; choose another name"),
            ("REGISTRY_PORT=0", "a port is a whole number from 1 to 65535"),
            ("REGISTRY_BIND=registry", BIND),
            ("REGISTRY_USER=a:b", COLON),
            ("REGISTRY_USER=robot$lab+ci", USER),
            ("REGISTRY_USER=#a", USER),
            ("REGISTRY_USER=\u00e9", USER),
            (f"REGISTRY_PASSWORD={LONG}", "a password of the registry has at most 72 bytes, this has 73"),
            (f"REGISTRY_PASSWORD={'é' * 37}", "a password of the registry has at most 72 bytes, this has 74"),
            (
                "REGISTRY_PASSWORD=changeme",
                "this is a placeholder; write the real value, or leave it empty to have one made",
            ),
            ("REGISTRY_USERS=alice", USERS),
            ("REGISTRY_USERS=alice:", USERS),
            ("REGISTRY_USERS=alice:a :b", USER),
            ("REGISTRY_USERS=alice:a alice:b", "a user is given twice"),
            ("REGISTRY_USERS=alice:100%", "alice: a % is written %25"),
            ("REGISTRY_USERS=alice:%g0", "alice: a % is written %25"),
            ("REGISTRY_USERS=alice:%ff", "alice: the bytes behind % are not UTF-8 text"),
            ("REGISTRY_USERS=alice:a%0Ab", "alice: a password of the registry is printable text"),
            (
                f"REGISTRY_USERS=bob:b alice:{LONG}",
                "alice: a password of the registry has at most 72 bytes, this has 73",
            ),
            ("REGISTRY_USERS=alice:changeme", "alice: this is a placeholder; write the real value"),
            ("REGISTRY_CERTIFICATE=tls.crt", "write the absolute path of the file"),
            ("REGISTRY_CA=/nowhere/ca.pem", "there is no such file"),
            ("REGISTRY_CA=/", "this is not a file"),
            ("REGISTRY_CA=/etc/passwd", "this file holds no certificates in PEM format, or cannot be read"),
        ],
    )
    def test_is_refused(self, setting: str, reason: str, tmp_path: Path) -> None:
        assert faults(tmp_path, setting) == [fault(setting, reason)]

    def test_its_own_user_is_not_given_again(self, tmp_path: Path) -> None:
        reason = "prefect is already REGISTRY_USER; leave it out, or rename one"
        found = faults(tmp_path, "REGISTRY_USERS=prefect:p bob:b")
        assert found == [fault("REGISTRY_USERS=prefect:p bob:b", reason, instead="bob:...")]

    def test_72_bytes_are_taken(self, tmp_path: Path) -> None:
        assert load(tmp_path, f"REGISTRY_PASSWORD={'é' * 36}").settings.REGISTRY_PASSWORD == "é" * 36


class TestElsewhere:
    """A registry of other people has its own rules for users and passwords."""

    LOGIN = ("REGISTRY_HOST=harbor.example.org", "REGISTRY_USER=robot$lab+ci", f"REGISTRY_PASSWORD={'é$' * 700}")

    def test_takes_other_logins(self, tmp_path: Path) -> None:
        made = load(tmp_path, *self.LOGIN, components="server worker-docker client")
        assert made.settings.REGISTRY_USER == "robot$lab+ci"
        login = next(
            block
            for block in yaml.safe_load(content(made, "client/registration.yaml"))["blocks"]
            if block["type"] == registry.BLOCK_TYPE
        )
        assert login["values"]["username"] == "robot$lab+ci"
        assert content(made, "client/secrets/REGISTRY_PASSWORD") == "é$" * 700

    def test_the_own_one_says_all_that_is_wrong(self, tmp_path: Path) -> None:
        found = faults(tmp_path, *self.LOGIN)
        assert found == [
            fault("REGISTRY_USER=robot$lab+ci", USER, line=3),
            fault("REGISTRY_PASSWORD=", "a password of the registry has at most 72 bytes, this has 2100", line=4),
        ]


class TestPorts:
    WITH_SERVER = "server registry"

    @pytest.mark.parametrize("binds", [[], ["SERVER_BIND=0.0.0.0", "SERVER_CLEAR_LOGIN=true"], ["REGISTRY_BIND=::"]])
    def test_used_twice(self, binds: list[str], tmp_path: Path) -> None:
        found = faults(tmp_path, "REGISTRY_PORT=4200", *binds, components=self.WITH_SERVER)
        assert found == [fault("REGISTRY_PORT=4200", "port 4200 is used twice: SERVER_PORT has it", instead="4201")]

    def test_each_is_told_another_port(self, tmp_path: Path) -> None:
        found = faults(tmp_path, "REGISTRY_PORT=4200", "STORAGE_PORT=4200", components="server registry storage")
        assert [line.rpartition(" ")[2] for line in found] == ["REGISTRY_PORT=4201", "STORAGE_PORT=4202"]

    def test_one_port_of_two_addresses(self, tmp_path: Path) -> None:
        load(tmp_path, "REGISTRY_PORT=4200", "REGISTRY_BIND=10.0.0.2", components=self.WITH_SERVER)

    def test_the_port_of_the_health_check(self, tmp_path: Path) -> None:
        for port, health in (("5000", "5001"), ("5001", "5002")):
            made = load(tmp_path, f"REGISTRY_PORT={port}")
            config = yaml.safe_load(content(made, "registry/secrets/config.yml"))
            assert (config["http"]["addr"], config["http"]["debug"]["addr"]) == (f":{port}", f"127.0.0.1:{health}")
            assert f"http://127.0.0.1:{health}/debug/health" in content(made, "registry/compose.yaml")


class TestOwnCertificate:
    @pytest.fixture
    def ca(self) -> Pair:
        return certificates.authority("a company", None)

    def files(self, folder: Path, ca: Pair, *names: str, usage: str = SERVER) -> list[str]:
        """Settings with a certificate for the names, its key and its CA."""
        pair = certificates.issue(ca, names, usage, None)
        for name, text in (("own.crt", pair.certificate), ("own.key", pair.key), ("ca.pem", ca.certificate)):
            (folder / name).write_bytes(text)
        paths = {"REGISTRY_CERTIFICATE": "own.crt", "REGISTRY_KEY": "own.key", "REGISTRY_CA": "ca.pem"}
        return [f"{key}={folder / name}" for key, name in paths.items()]

    def test_is_served_in_place_of_one_made(self, tmp_path: Path, ca: Pair) -> None:
        made = load(tmp_path, *self.files(tmp_path, ca, "registry"))
        assert content(made, "registry/secrets/tls.crt") == (tmp_path / "own.crt").read_text()
        assert content(made, "registry/secrets/tls.key") == (tmp_path / "own.key").read_text()
        assert content(made, ".site/certs.d/registry:5000/ca.crt") == (tmp_path / "ca.pem").read_text()
        assert not [file.path for file in made.plan if file.path.startswith(".site/ca/")]

    def test_of_a_ca_that_everybody_knows(self, tmp_path: Path, ca: Pair) -> None:
        made = load(tmp_path, *self.files(tmp_path, ca, "registry")[:2])
        assert registry.ca_path(made.settings) == ""
        assert not [file.path for file in made.plan if "certs.d" in file.path]

    def test_for_any_name_of_a_domain(self, tmp_path: Path, ca: Pair) -> None:
        load(tmp_path, "REGISTRY_HOST=registry.example.org", *self.files(tmp_path, ca, "*.example.org"))

    def test_for_another_name(self, tmp_path: Path, ca: Pair) -> None:
        settings = self.files(tmp_path, ca, "registry2", "10.0.0.1")
        reason = "it is for registry2, 10.0.0.1 and not for registry"
        assert faults(tmp_path, *settings) == [fault(settings[0], reason)]

    def test_with_the_key_of_another(self, tmp_path: Path, ca: Pair) -> None:
        settings = self.files(tmp_path, ca, "registry")
        for key in (ca.key, b"", b"none"):
            (tmp_path / "own.key").write_bytes(key)
            reason = "this is not the certificate's key, has a password, or cannot be read"
            assert faults(tmp_path, *settings) == [fault(settings[1], reason, line=3)]

    def test_without_its_key(self, tmp_path: Path, ca: Pair) -> None:
        certificate, key, _ = self.files(tmp_path, ca, "registry")
        reason = "a certificate and its key belong together; set both, or neither: render then makes them"
        for given, lacking in ((certificate, "REGISTRY_KEY"), (key, "REGISTRY_CERTIFICATE")):
            assert faults(tmp_path, given) == [
                f".env: {lacking}=: {reason}; write for example {lacking}={EXAMPLE[lacking]}"
            ]

    def test_where_there_is_no_tls(self, tmp_path: Path, ca: Pair) -> None:
        settings = self.files(tmp_path, ca, "registry")
        reason = "REGISTRY_TLS=false uses no certificate; leave it empty, or write REGISTRY_TLS=true"
        found = faults(tmp_path, *settings, "REGISTRY_TLS=false")
        assert found == [fault(setting, reason, line, "") for line, setting in enumerate(settings, start=2)]

    def test_every_fault_at_once(self, tmp_path: Path) -> None:
        settings = ["REGISTRY_CA=/nowhere", "REGISTRY_CERTIFICATE=tls.crt", "EXTRA_CA_BUNDLE=/nowhere"]
        assert len(faults(tmp_path, *settings)) == 3

    def test_of_a_client_is_served_all_the_same(self, tmp_path: Path, ca: Pair) -> None:
        """What a certificate may be used for is between its CA and the engines."""
        load(tmp_path, *self.files(tmp_path, ca, "registry", usage=CLIENT))


class TestRendered:
    def test_the_certificate_is_for_the_name_and_for_this_machine(self, tmp_path: Path) -> None:
        made = load(tmp_path, "REGISTRY_HOST=registry.example.org")
        served = content(made, "registry/secrets/tls.crt").encode()
        assert pem.names_of(served) == ["registry.example.org", "localhost", "127.0.0.1"]
        ssl.create_default_context(cadata=content(made, ".site/certs.d/registry.example.org:5000/ca.crt"))

    def test_a_certificate_is_made_again_for_another_name_by_the_same_ca(self, tmp_path: Path) -> None:
        site.write(load(tmp_path))
        made = load(tmp_path, "REGISTRY_HOST=registry2")
        changed = {change.path: change for change in made.changes}
        assert (
            changed["registry/secrets/tls.crt"]
            .line()
            .startswith(
                "changed registry/secrets/tls.crt (the old one was for registry, localhost, 127.0.0.1; valid until "
            )
        )
        assert ".site/ca/ca.crt" not in changed
        assert changed[".site/certs.d/registry:5000/ca.crt"].kind == "gone"

    def test_the_ca_stays_when_the_registry_leaves(self, tmp_path: Path) -> None:
        first = load(tmp_path)
        site.write(first)
        (tmp_path / "server").mkdir()
        second = load(tmp_path, components="server")
        site.write(second)
        assert (tmp_path / ".site/ca/ca.key").read_text() == content(first, ".site/ca/ca.key")
        assert not (tmp_path / "registry/secrets").exists()
        assert content(load(tmp_path), ".site/ca/ca.crt") == content(first, ".site/ca/ca.crt")

    def test_without_tls_there_is_no_certificate(self, tmp_path: Path) -> None:
        made = load(tmp_path, "REGISTRY_TLS=false")
        assert [
            file.path for file in made.plan if ("/tls." in file.path and file.is_secret) or "ca.crt" in file.path
        ] == []
        assert "tls" not in yaml.safe_load(content(made, "registry/secrets/config.yml"))["http"]
        assert list(yaml.safe_load(content(made, "registry/compose.yaml"))["secrets"]) == ["config.yml", "htpasswd"]

    def test_deletion_is_a_setting(self, tmp_path: Path) -> None:
        for word, allowed in (("true", True), ("false", False)):
            made = load(tmp_path, f"REGISTRY_DELETE={word}")
            config = yaml.safe_load(content(made, "registry/secrets/config.yml"))
            assert config["storage"]["delete"]["enabled"] is allowed

    def test_any_http_secret_arrives(self, tmp_path: Path) -> None:
        secret = "a'b\"c$HOME\\d `id` ${x} é漢 %s @:/#{}* \\"
        written = '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"'
        made = load(tmp_path, f"REGISTRY_HTTP_SECRET={written}")
        config = yaml.safe_load(content(made, "registry/secrets/config.yml"))
        assert config["http"]["secret"] == made.settings.REGISTRY_HTTP_SECRET == secret

    def test_no_secret_is_in_the_compose_file(self, tmp_path: Path) -> None:
        made = load(tmp_path, "REGISTRY_PASSWORD=first-secret", "REGISTRY_USERS=alice:second-secret")
        open_to_all = [file for file in made.plan if not file.is_secret]
        secrets = [made.settings.REGISTRY_PASSWORD, "second-secret", made.settings.REGISTRY_HTTP_SECRET]
        assert not [file.path for file in open_to_all for secret in secrets if secret.encode() in file.content]

    def test_secrets_are_made_once(self, tmp_path: Path) -> None:
        first = load(tmp_path)
        assert first.made == ["REGISTRY_PASSWORD", "REGISTRY_HTTP_SECRET"]
        site.write(first)
        assert site.load(tmp_path / ".env", tmp_path).changes == []

    @pytest.mark.parametrize("components", ["registry", "server registry", "registry agent client"])
    def test_the_first_component_owns_the_network(self, components: str, tmp_path: Path) -> None:
        api = [] if "server" in components else ["PREFECT_API_URL=http://prefect.example.org/api", "SERVER_AUTH=false"]
        made = load(tmp_path, *api, components=components)
        owners = [
            name
            for name in components.split()
            if "external" not in yaml.safe_load(content(made, f"{name}/compose.yaml"))["networks"]["site"]
        ]
        assert owners == [components.split(maxsplit=1)[0]]

    def test_a_registry_alone_asks_for_no_api_and_gets_no_login(self, tmp_path: Path) -> None:
        made = load(tmp_path)
        assert not [file.path for file in made.plan if "PREFECT_API_AUTH_STRING" in file.path]
