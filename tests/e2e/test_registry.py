"""The registry on a real engine, used as people use it: by its name, with docker login, push and pull."""

import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.components import registry as site_registry
from stack.images import names
from stack.images.secrets import secrets as build_secrets
from tests import sites
from tests.conftest import SiteFactory
from tests.e2e.trusted import NAME, forget, forget_ended_sessions
from tests.sites import LABELS, REPO, SiteUnderTest

pytestmark = pytest.mark.engine

MIB = 1024 * 1024
# An engine rereads the hosts file every five seconds.
WAIT_SECONDS = 180
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(scope="session", autouse=True)
def _untouched_machine() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("root alone may tell an engine of a registry")
    forget_ended_sessions()
    yield
    forget(NAME)


@dataclass(frozen=True)
class Registry:
    """A site with nothing but a registry; what its first `up` and `trust` said."""

    site: SiteUnderTest
    port: int
    up: str
    trusted: str

    @property
    def address(self) -> str:
        return f"{NAME}:{self.port}"

    @property
    def password(self) -> str:
        return self.site.env["REGISTRY_PASSWORD"]

    @property
    def container(self) -> str:
        return self.site.compose("registry", "ps", "--quiet", "registry").stdout.strip()

    def apply(self, **settings: object) -> None:
        """The settings, as a user makes them count."""
        self.site.set(**settings)
        self.site.render_files()
        self.site.compose("registry", "up", "--detach", "--wait")

    def lines(self) -> dict[str, str]:
        text = (self.site.root / "registry/secrets/htpasswd").read_text()
        return dict(line.split(":", 1) for line in text.splitlines())

    def size(self) -> int:
        """Bytes that the images take."""
        return int(
            self.site.compose("registry", "exec", "registry", "du", "-sb", "/var/lib/registry").stdout.split()[0]
        )

    def call(self, path: str, method: str = "GET", ca: Path | None = None) -> "Answer":
        """One request to the API by name, with the CA that render wrote unless another is given."""
        trusted = ca or self.site.root / ".site/certs.d" / self.address / "ca.crt"
        login = base64.b64encode(f"prefect:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": MANIFEST}
        request = urllib.request.Request(f"https://{self.address}{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60, context=ssl.create_default_context(cafile=trusted)) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read().decode())


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture(scope="module")
def _registry_image() -> None:
    names.ensure(("registry",), REPO, "auto", None, {}, report=print)


@pytest.fixture(scope="module")
def registry(_registry_image: None) -> Iterator[Registry]:
    (port,) = sites.free_ports(1)
    site = sites.make_site(COMPONENTS="registry", REGISTRY_HOST=NAME, REGISTRY_PORT=port)
    try:
        up = sites.render("up", "--output", str(site.root)).stdout
        trusted = sites.render("trust", "--output", str(site.root)).stdout
        yield Registry(site, port, up, trusted)
    finally:
        site.remove()


@pytest.fixture
def image(registry: Registry, tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """Makes images of so many random bytes, tagged for the registry."""
    made: list[str] = []

    def make(size: int) -> str:
        made.append(f"{registry.address}/tests/{secrets.token_hex(4)}:1")
        (tmp_path / "data").write_bytes(secrets.token_bytes(size))
        with tarfile.open(tmp_path / "image.tar", "w") as archive:
            archive.add(tmp_path / "data", "data")
        labels = [f"--change=LABEL {name}={value}" for name, value in LABELS.items()]
        sites.docker("import", *labels, str(tmp_path / "image.tar"), made[-1])
        return made[-1]

    yield make
    sites.docker("image", "rm", "--force", *made)


@pytest.fixture
def docker(registry: Registry, tmp_path: Path) -> Iterator["Docker"]:
    """The docker command with a configuration of its own, logged in as the site's user."""
    one = Docker(tmp_path / "config")
    logged_in = eventually(lambda: one.login(registry.address, "prefect", registry.password), "Succeeded")
    assert "Login Succeeded" in logged_in
    yield one


class Docker:
    def __init__(self, config: Path) -> None:
        config.mkdir()
        self.environment = os.environ | {"DOCKER_CONFIG": str(config)}

    def __call__(self, *arguments: str, typed: str = "") -> str:
        """What the command says on both streams."""
        done = subprocess.run(
            ["docker", *arguments], input=typed, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def login(self, address: str, user: str, password: str) -> str:
        return self("login", "--username", user, "--password-stdin", address, typed=password)


def own_lines() -> list[str]:
    """Those of /etc/hosts that name this registry; another process may have others there."""
    return [line for line in site_registry.HOSTS.read_text().splitlines(keepends=True) if NAME in line.split()]


def replace_in_hosts(line: str, other: str) -> None:
    site_registry.HOSTS.write_text(site_registry.HOSTS.read_text().replace(line, other))


def eventually(say: Callable[[], str], expected: str) -> str:
    """What is said last: as soon as it is what was expected, or when there was time enough."""
    deadline = time.monotonic() + WAIT_SECONDS
    while expected not in (said := say()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return said


class TestBecomingTrusted:
    def test_up_says_what_the_engine_lacks(self, registry: Registry) -> None:
        assert registry.up.splitlines()[-2:] == [
            f"the registry is at {registry.address}",
            f"this machine's engine cannot use {registry.address} yet: the name {NAME} does not resolve, and "
            f"/etc/docker/certs.d/{registry.address}/ca.crt is missing; run `make trust-registry` as root",
        ]

    def test_up_says_what_to_do_about_a_port_that_is_taken(self, registry: Registry, site_factory: SiteFactory) -> None:
        other = site_factory(COMPONENTS="registry", REGISTRY_HOST=NAME, REGISTRY_PORT=registry.port)
        done = other.render("up", check=False)
        assert done.returncode == 2
        assert (
            "port is already allocated; stop the program that uses this port, or set another in .env; " in done.stderr
        )

    def test_trust_says_what_it_did(self, registry: Registry) -> None:
        assert registry.trusted.splitlines() == [
            f"wrote `0.0.0.0 {NAME}` into /etc/hosts; a running engine sees it within five seconds",
            f"wrote /etc/docker/certs.d/{registry.address}/ca.crt: engines of this machine trust the registry's "
            "certificate",
        ]

    def test_a_second_time_there_is_nothing_to_do(self, registry: Registry) -> None:
        before = own_lines()
        again = sites.render("trust", "--output", str(registry.site.root)).stdout
        assert again == f"nothing to do: this machine finds {registry.address} and trusts it\n"
        assert own_lines() == before

    def test_up_has_nothing_more_to_say(self, registry: Registry) -> None:
        said = sites.render("up", "--output", str(registry.site.root)).stdout
        assert said.splitlines()[-1] == f"the registry is at {registry.address}"

    def test_an_engine_without_the_ca_refuses_the_registry(self, registry: Registry, docker: Docker) -> None:
        ca = site_registry.TRUSTED / registry.address / "ca.crt"
        ca.unlink()
        try:
            said = docker.login(registry.address, "prefect", registry.password)
        finally:
            sites.render("trust", "--output", str(registry.site.root))
        assert "x509: certificate signed by unknown authority" in said
        assert "Login Succeeded" in docker.login(registry.address, "prefect", registry.password)

    def test_a_client_without_the_ca_refuses_the_registry(self, registry: Registry) -> None:
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            registry.call(
                "/v2/", ca=Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
            )
        assert registry.call("/v2/").status == 200

    def test_a_name_on_loopback_is_refused_for_docker_would_check_no_certificate(self, registry: Registry) -> None:
        ours, line = f"0.0.0.0 {NAME}  {site_registry.MARK}\n", f"127.0.0.1 {NAME}\n"
        assert own_lines() == [ours]
        replace_in_hosts(ours, line)
        try:
            done = sites.render("trust", "--output", str(registry.site.root), check=False)
        finally:
            replace_in_hosts(line, ours)
        assert (done.returncode, done.stderr) == (
            2,
            f"{NAME} resolves to 127.0.0.1, for which Docker does not check the certificate; "
            "take it out of /etc/hosts, then run `make trust-registry` as root\n",
        )


class TestUsers:
    def test_push_and_pull(self, registry: Registry, docker: Docker, image: Callable[[int], str]) -> None:
        name = image(MIB)
        identity = docker("image", "inspect", "--format", "{{.Id}}", name)
        assert docker("push", "--quiet", name) == f"{name}\n"
        docker("image", "rm", name)
        assert docker("pull", "--quiet", name) == f"{name}\n"
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == identity

    @pytest.mark.parametrize("user", ["prefect", "stranger"])
    def test_a_wrong_password_is_a_clear_401(self, user: str, registry: Registry, docker: Docker) -> None:
        assert docker.login(registry.address, user, "wrong").splitlines()[-1] == (
            f"Error response from daemon: login attempt to https://{registry.address}/v2/ failed with status: "
            "401 Unauthorized"
        )

    def test_without_a_login_nothing_is_pushed_or_pulled(
        self, registry: Registry, docker: Docker, image: Callable[[int], str]
    ) -> None:
        name = image(16)
        docker("push", name)
        docker("logout", registry.address)
        assert "no basic auth credentials" in docker("push", name)
        docker("image", "rm", name)
        assert "no basic auth credentials" in docker("pull", name)

    def test_users_come_and_go_by_the_settings(self, registry: Registry, docker: Docker) -> None:
        registry.apply(REGISTRY_USERS="alice:p%20w%25 bob:b%C3%A9")
        before = registry.lines()
        assert "Succeeded" in docker.login(registry.address, "alice", "p w%")
        assert "Succeeded" in docker.login(registry.address, "bob", "bé")
        registry.apply(REGISTRY_USERS="bob:b%C3%A9")
        assert "401 Unauthorized" in docker.login(registry.address, "alice", "p w%")
        assert "Succeeded" in docker.login(registry.address, "bob", "bé")
        assert "Succeeded" in docker.login(registry.address, "prefect", registry.password)
        assert registry.lines() == {user: before[user] for user in ("prefect", "bob")}

    def test_a_render_without_a_change_restarts_nothing(self, registry: Registry) -> None:
        before = registry.container
        registry.apply()
        assert registry.container == before


class TestImages:
    def test_what_is_deleted_is_collected_and_the_rest_stays(
        self, registry: Registry, docker: Docker, image: Callable[[int], str]
    ) -> None:
        kept, deleted = image(MIB), image(20 * MIB)
        for name in (kept, deleted):
            docker("push", "--quiet", name)
        before = registry.size()
        self.delete(registry, deleted)
        command = ["make", "-C", str(REPO), "--no-print-directory", "registry-gc", f"OUTPUT={registry.site.root}"]
        subprocess.run(command, capture_output=True, check=True)
        assert before - registry.size() > 20 * MIB
        docker("image", "rm", kept)
        assert docker("pull", "--quiet", kept) == f"{kept}\n"
        assert "manifest unknown" in docker("pull", deleted)
        # A registry that still remembered the layers would not take them again.
        assert docker("push", "--quiet", deleted) == f"{deleted}\n"
        docker("image", "rm", deleted)
        assert docker("pull", "--quiet", deleted) == f"{deleted}\n"

    def delete(self, registry: Registry, name: str) -> None:
        path = f"/v2/{name.removeprefix(f'{registry.address}/').removesuffix(':1')}/manifests/"
        digest = registry.call(f"{path}1", "HEAD").headers["Docker-Content-Digest"]
        assert registry.call(f"{path}{digest}", "DELETE").status == 202

    def test_images_outlive_the_container(
        self, registry: Registry, docker: Docker, image: Callable[[int], str]
    ) -> None:
        name = image(MIB)
        docker("push", "--quiet", name)
        docker("image", "rm", name)
        before = registry.container
        registry.site.compose("registry", "down")
        registry.site.compose("registry", "up", "--detach", "--wait")
        assert registry.container != before
        assert docker("pull", "--quiet", name) == f"{name}\n"

    def test_a_collection_that_is_stopped_starts_the_registry_again(self, registry: Registry) -> None:
        script = registry.site.root / "registry/collect-garbage.sh"
        began = self.began(registry)
        with subprocess.Popen(["sh", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as collection:
            assert collection.stdout
            assert collection.stdout.readline() == b"The registry is down for the collection.\n"
            collection.terminate()
            collection.communicate()
        assert collection.returncode == 130
        assert self.began(registry) > began

    def began(self, registry: Registry) -> str:
        """When the registry that is running was started; empty if there is none."""
        ids = registry.site.compose("registry", "ps", "--quiet", "--status", "running", "registry").stdout.split()
        return sites.docker("inspect", "--format", "{{.State.StartedAt}}", *ids).strip() if ids else ""


class TestContainer:
    def test_is_found_by_its_name_and_port_from_the_sites_network(self, registry: Registry) -> None:
        (network,) = self.inspect(registry)["NetworkSettings"]["Networks"].values()
        own = names.reference("registry", REPO)
        labels = [f"--label={name}={value}" for name, value in LABELS.items()]
        seen = sites.docker("run", "--rm", *labels, f"--network={registry.site.name}", own, "getent", "hosts", NAME)
        assert seen.split()[0] == network["IPAddress"]
        trusted = ssl.create_default_context(cafile=registry.site.root / ".site/ca/ca.crt")
        with socket.create_connection((network["IPAddress"], registry.port), timeout=60) as connection:
            trusted.wrap_socket(connection, server_hostname=NAME).close()

    def test_has_no_root_and_no_secret_to_show(self, registry: Registry) -> None:
        shown = self.inspect(registry)
        assert registry.site.compose("registry", "exec", "registry", "id", "-u").stdout.strip() == "1000"
        assert shown["HostConfig"]["ReadonlyRootfs"]
        assert shown["HostConfig"]["CapDrop"] == ["ALL"]
        for secret in (registry.password, registry.site.env["REGISTRY_HTTP_SECRET"]):
            assert secret not in json.dumps(shown)

    def test_is_served_on_loopback_alone(self, registry: Registry) -> None:
        assert [
            port["HostIp"] for port in self.inspect(registry)["NetworkSettings"]["Ports"][f"{registry.port}/tcp"]
        ] == ["127.0.0.1"]

    def inspect(self, registry: Registry) -> dict[str, Any]:
        (shown,) = json.loads(sites.docker("inspect", registry.container))
        return dict(shown)


class TestDoctor:
    def findings(self, registry: Registry) -> list[str]:
        """The lines about the registry; nothing of the login may be left in the user's configuration."""
        with tempfile.TemporaryDirectory() as config, pytest.MonkeyPatch.context() as user:
            user.setenv("DOCKER_CONFIG", config)
            said = sites.render("doctor", "--output", str(registry.site.root), check=False).stdout
            assert list(Path(config).iterdir()) == []
        return [line for line in said.splitlines() if registry.address in line or str(registry.port) in line]

    def test_all_is_well(self, registry: Registry) -> None:
        found = eventually(lambda: "\n".join(self.findings(registry)), "logs in")
        assert found.splitlines() == [
            f"ok   port {registry.port} on 127.0.0.1 is used by this site's registry",
            f"ok   the engine logs in to {registry.address} as prefect",
        ]

    def test_a_password_that_the_registry_has_not_been_told(self, registry: Registry) -> None:
        before = registry.password
        registry.site.set(REGISTRY_PASSWORD="another")
        try:
            registry.site.render_files()
            assert self.findings(registry)[-1] == (
                f"FAIL the engine cannot log in to {registry.address} (Error response from daemon: login attempt to "
                f"https://{registry.address}/v2/ failed with status: 401 Unauthorized); REGISTRY_PASSWORD differs "
                "from the registry's; after a change in .env, run `docker compose up -d` in registry/"
            )
        finally:
            registry.apply(REGISTRY_PASSWORD=before)

    def test_a_registry_that_is_down(self, registry: Registry) -> None:
        registry.site.compose("registry", "stop")
        try:
            found = self.findings(registry)
        finally:
            registry.site.compose("registry", "up", "--detach", "--wait")
        assert found[0] == f"ok   port {registry.port} on 127.0.0.1 is free"
        assert found[1].startswith(f"note the engine cannot log in to {registry.address} (")
        assert found[1].endswith("connection refused); start it with `make up`")


class TestWithoutTls:
    def test_an_engine_takes_it_on_this_machine(self, _registry_image: None, tmp_path: Path) -> None:
        """By loopback, for which Docker asks for no certificate; the page says how to configure other engines."""
        name = f"{NAME}-clear"
        (port,) = sites.free_ports(1)
        site = sites.make_site(COMPONENTS="registry", REGISTRY_HOST=name, REGISTRY_PORT=port, REGISTRY_TLS="false")
        try:
            site.compose("registry", "up", "--detach", "--wait")
            said = sites.render("trust", "--output", str(site.root)).stdout
            one, password = Docker(tmp_path / "config"), site.env["REGISTRY_PASSWORD"]
            login = eventually(lambda: one.login(f"{name}:{port}", "prefect", password), "Succeeded")
            assert said == f"wrote `127.0.0.1 {name}` into /etc/hosts; a running engine sees it within five seconds\n"
            assert "Login Succeeded" in login
            assert "401 Unauthorized" in one.login(f"{name}:{port}", "prefect", "wrong")
        finally:
            site.remove()
            forget(name)


class TestImage:
    def test_from_the_public_image(self) -> None:
        """By an image of the same contract: root, `registry` and an entry point; no registry can be reached here."""
        public = f"localhost/site-test/registry:2.8.3-{os.getpid()}"
        labels = [f"--label={name}={value}" for name, value in LABELS.items()]
        debian = names.reference("debian", REPO)
        recipe = REPO / "images/registry"
        names.ensure(("registry",), REPO, "build", None, {}, report=print)
        build = ["build", "--target=build-base", f"--build-arg=DEBIAN_IMAGE={debian}", "--network=host"]
        with build_secrets(None) as files:
            given = [f"--secret=id={name},src={path}" for name, path in files.items()]
            sites.docker(*build, *labels, *given, f"--tag={public}", str(recipe))
        bases = {"registry": public}
        names.ensure(("registry",), REPO, "pull", None, LABELS, report=print, bases=bases)
        made = names.reference("registry", REPO, bases)
        try:
            told = sites.docker(
                *("run", "--rm", *labels, "--volume=/var/lib/registry", made),
                *("sh", "-c", "touch /var/lib/registry/x && id -u && registry --version && command -v busybox"),
            )
            assert told.splitlines()[0] == "1000"
            assert "2.8" in told.splitlines()[1]
            origin = sites.docker("image", "inspect", "--format", '{{index .Config.Labels "site.origin"}}', made)
            assert origin == "pull\n"
        finally:
            sites.docker("image", "rm", "--force", made, public)
