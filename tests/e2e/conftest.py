"""The sites that this tier shares: bringing one up takes most of a minute."""

import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterator

import pytest

from stack.components.all import SETTINGS
from stack.images import names as images
from stack.images.site_images import bases
from tests import sharing, sites
from tests.e2e import running
from tests.e2e.another_user import given_to_nobody
from tests.e2e.trusted import NAME
from tests.sites import SiteUnderTest

# Each is hard on another parser between `.env` and the program that reads it.
HARD_PASSWORD = r"""a'b"c $HOME ${x} \d %s @:/#{}é漢"""
HARD_LOGIN = r"""admin:p'a"s $HOME ${x} \d %s @:/#{}"""
UP = "up.log"
BRING_UP = (
    "(cd server && docker compose up -d --wait) && (cd agent && docker compose up -d --wait --scale worker=3)"
    " && (cd client && docker compose run --rm client)"
)


def bridge_address() -> str:
    """This machine as a container on any network of the engine reaches it."""
    form = "{{(index .IPAM.Config 0).Gateway}}"
    return sites.docker("network", "inspect", "bridge", "--format", form).strip()


def bring_up() -> SiteUnderTest:
    """A site rendered elsewhere, moved, cut off from this repo, and brought up by plain Compose; one run Completed.

    Its server is on the engine's bridge, so that another machine's worker can join it.
    """
    rendered = sites.make_site(
        SERVER_BIND=bridge_address(),
        SERVER_CLEAR_LOGIN=True,
        PREFECT_API_AUTH_STRING=HARD_LOGIN,
        SERVER_DATABASE_PASSWORD=f"d{HARD_PASSWORD}",
        SERVER_REDIS_PASSWORD=f"r{HARD_PASSWORD}",
    )
    moved = move(rendered)
    try:
        done = running.shell(moved.root, BRING_UP)
        assert done.returncode == 0, done.stdout + done.stderr
        running.run_weather(moved, "--once")
    except BaseException:
        moved.remove()
        raise
    return moved


def move(site: SiteUnderTest) -> SiteUnderTest:
    """The site in another folder than the one that it was rendered in."""
    moved = dataclasses.replace(site, root=site.root.with_name(f"{site.root.name}-moved"))
    shutil.move(site.root, moved.root)
    return moved


class Shared:
    """The site that files of tests hand on to each other, as long as it is as it should be."""

    def __init__(self, bring_up: Callable[[], SiteUnderTest]) -> None:
        self.bring_up = bring_up
        self.kept: SiteUnderTest | None = None

    def take(self) -> SiteUnderTest:
        if self.kept and not running.living(self.kept):  # a test of `down` has had it
            self.discard()
        if not self.kept:
            self.kept = self.bring_up()
            sharing.SHARED.callback(self.discard)
        try:
            running.until_healthy(self.kept)
        except AssertionError:
            self.discard()
            raise
        return self.kept

    def discard(self) -> None:
        if self.kept:
            self.kept.remove()
        self.kept = None


@pytest.fixture(scope="module")
def site(site_images: None, request: pytest.FixtureRequest) -> Iterator[SiteUnderTest]:
    """The site that most of this tier shares; after a file in which a test failed, the next one gets a new site."""
    yield from lend(SHARED, request)


def bring_up_docker() -> SiteUnderTest:
    """A site of Docker workers with a registry that this machine does not trust yet; UP holds what `up` said.

    Server and registry are on the engine's bridge, where another machine reaches them. Its images have no test's
    label: they stay.
    """
    names = ("registry", "worker-docker", "flights", "weather", "pca")
    images.ensure(names, sites.REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    made = sites.make_site(
        COMPONENTS="server registry worker-docker client",
        SERVER_BIND=bridge_address(),
        SERVER_CLEAR_LOGIN=True,
        REGISTRY_BIND=bridge_address(),
        REGISTRY_HOST=f"{NAME}-docker",
        REGISTRY_PORT=sites.free_ports(1)[0],
        REGISTRY_PASSWORD=HARD_PASSWORD,
        MAX_CRASH_RETRIES=0,  # what a run that could not start says is looked at, and not run again meanwhile
    )
    done = made.render("up", check=False)
    if done.returncode != 0:
        made.remove()
        pytest.fail(done.stdout + done.stderr)
    (made.root / UP).write_text(done.stdout)
    return made


@pytest.fixture(scope="module")
def docker_site(site_images: None, request: pytest.FixtureRequest) -> Iterator[SiteUnderTest]:
    """The site that the tests of Docker workers share, on the same terms."""
    yield from lend(SHARED_DOCKER, request)


def bring_up_engines() -> SiteUnderTest:
    """All kinds of workers on one machine, without a registry: `up` gives the images to the engines in containers.

    It was rendered in another folder, and by another user than the one who then brings it up, where that can be.
    """
    names = ("worker-docker", "dind", "worker-podman", "podman", "flights", "weather", "pca")
    images.ensure(names, sites.REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    made = move(sites.make_site(COMPONENTS="server agent worker-docker worker-dind worker-podman client"))
    up = f"{sys.executable} {sites.REPO / 'render.py'} up --output {made.root}"
    done = running.shell(made.root, f"{given_to_nobody(made.root)} {up}")
    if done.returncode != 0:
        made.render("down", check=False)
        made.remove()
        pytest.fail(done.stdout + done.stderr)
    return made  # each component's sample is Completed


@pytest.fixture(scope="module")
def engines_site(site_images: None, request: pytest.FixtureRequest) -> Iterator[SiteUnderTest]:
    """The site that the tests of all engines at once share, on the same terms."""
    yield from lend(SHARED_ENGINES, request)


SHARED = Shared(bring_up)
SHARED_DOCKER = Shared(bring_up_docker)
SHARED_ENGINES = Shared(bring_up_engines)


def lend(shared: Shared, request: pytest.FixtureRequest) -> Iterator[SiteUnderTest]:
    failed = request.session.testsfailed
    yield shared.take()
    if request.session.testsfailed > failed:
        shared.discard()
