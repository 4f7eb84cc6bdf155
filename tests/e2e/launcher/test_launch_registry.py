"""Images from a private registry: which login is sent, and how a refusal is reported."""

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import httpx
import pytest

from stack.images import names
from tests import sites
from tests.e2e.launcher.attempts import Ended, Site
from tests.e2e.launcher.places import Place, wait_until
from tests.e2e.launcher.runs import Runs
from tests.server.conftest import free_port

pytestmark = pytest.mark.engine

RunsOf = Callable[[Site], Runs]
LOGIN = (
    "correct the registry's user and password: REGISTRY_PASSWORD in .env, then `make up`, "
    "or the block that SITE_REGISTRY_BLOCK names, or `docker login`"
)
PUSH = "push the image to the registry (`make up` does so for the site's own), or correct image_name and image_tag"


@dataclass(frozen=True)
class Registry:
    """A registry with one user and one image, which the engine does not have yet."""

    address: str
    password: str
    place: Place

    @property
    def image(self) -> str:
        return f"{self.address}/pca"

    def config(self, folder: Path, password: str) -> str:
        """A folder with what `docker login` leaves."""
        auth = base64.b64encode(f"me:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": auth}}}))
        return str(folder)

    def launch(self, site: Site, tag: str = "1") -> Ended:
        return site.launch("echo", "pulled", image_name=self.image, image_tag=tag)

    def forget(self) -> None:
        """Takes the image from the engine, so that the next launch pulls."""
        self.place.run("image", "rm", "--force", f"{self.image}:1", check=False)


@pytest.fixture(scope="module")
def started(docker_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    names.ensure(("registry",), sites.REPO, "auto", None, {}, report=print)
    registry = Registry(f"127.0.0.1:{free_port()}", secrets.token_hex(8), docker_place)
    folder = tmp_path_factory.mktemp("registry")
    line = b"me:" + bcrypt.hashpw(registry.password.encode(), bcrypt.gensalt(4, b"2a"))
    (folder / "htpasswd").write_bytes(line)
    folder.chmod(0o755)  # the registry is not root
    environ = {"REGISTRY_AUTH": "htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM": "site"}
    environ |= {"REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd", "REGISTRY_HTTP_ADDR": ":5000"}
    environ |= {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/var/lib/registry"}
    options = [f"--env={name}={value}" for name, value in environ.items()]
    options += [f"--label={name}={value}" for name, value in sites.LABELS.items()]
    options += [f"--volume={folder}:/auth:ro", f"--publish={registry.address}:5000"]
    reference = names.reference("registry", sites.REPO)
    container = docker_place.run("run", "--detach", *options, reference)
    try:
        wait_until(lambda: answers(registry.address))
        docker_place.run("tag", docker_place.images[0], f"{registry.image}:1")
        config = registry.config(folder, registry.password)
        docker_place.run("--config", config, "push", "--quiet", f"{registry.image}:1")
        yield registry
    finally:
        registry.forget()
        docker_place.run("rm", "--force", "--volumes", container)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/").status_code == 401
    except httpx.TransportError:
        return False


@pytest.fixture
def registry(started: Registry) -> Registry:
    started.forget()
    return started


def test_an_image_is_pulled_once_with_the_login_of_docker(
    docker_site: Site, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", registry.config(tmp_path, registry.password))
    first, second = registry.launch(docker_site), registry.launch(docker_site)
    assert (first.error, second.error) == ("", "")
    pulling = f"Pulling {registry.image}:1"
    assert [pulling in [text for _, text in ended.logged] for ended in (first, second)] == [True, False]


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_password_and_a_missing_one_are_reported(
    docker_site: Site, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    config = registry.config(tmp_path, password) if password else str(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", config)
    ended = registry.launch(docker_site)
    assert ended.error.startswith(f"image {registry.image}:1 cannot be pulled: ")
    assert ended.error.endswith(f"; {LOGIN}")


def test_a_tag_that_is_not_in_the_registry_is_reported(
    docker_site: Site, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", registry.config(tmp_path, registry.password))
    ended = registry.launch(docker_site, tag="2")
    assert ended.error.startswith(f"image {registry.image}:2 cannot be pulled: ")
    assert ended.error.endswith(f"; {PUSH}")


def test_the_sites_credentials_block_is_the_login(docker_site: Site, registry: Registry, runs: RunsOf) -> None:
    here = runs(docker_site)
    here.more["SITE_REGISTRY_BLOCK"] = "site-registry"
    save = "import sys; from prefect_docker import DockerRegistryCredentials as D; "
    save += 'D(username="me", password=sys.argv[1], registry_url=sys.argv[2]).save("site-registry", overwrite=True)'
    command = [sys.executable, "-c", save, registry.password, f"http://{registry.address}"]
    subprocess.run(command, env=here.environ, check=True, capture_output=True)
    run = here.create("echo", "pulled", image_name=registry.image, image_tag="1")
    assert here.carry_out(run)["type"] == "COMPLETED"
    assert (20, "pulled /app/work/config/params.yaml") in here.logged(run)


def test_a_block_that_is_not_there_is_reported(docker_site: Site, registry: Registry, runs: RunsOf) -> None:
    here = runs(docker_site)
    here.more["SITE_REGISTRY_BLOCK"] = "nosuch"
    state = here.carry_out(here.create("true", image_name=registry.image, image_tag="1"))
    assert (state["type"], state["message"]) == (
        "FAILED",
        "there is no block docker-registry-credentials/nosuch: register the site's blocks, "
        "or correct SITE_REGISTRY_BLOCK",
    )
