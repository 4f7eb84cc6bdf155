"""A bundle of a small site, loaded and started on a machine without a network whose engine is empty."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sites
from tests.e2e import running
from tests.e2e.second_engine import Machine, checked, second_engine
from tests.sites import SiteUnderTest

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

FILE = "lab.bundle.tar.gz"
PLUGIN = '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}'
HEALTH = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/api/health').status)"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """It has make and Compose, as this one has them from its distribution."""
    compose = checked("docker", "info", "--format", PLUGIN)
    own = {shutil.which("make"): "/usr/bin/make", compose: "/usr/libexec/docker/cli-plugins/docker-compose"}
    mounts = [f"--volume={here}:{there}:ro" for here, there in own.items()]
    with second_engine(tmp_path_factory.mktemp("offline"), *mounts, internal=True) as made:
        yield made


@pytest.fixture(scope="module")
def site_in_bundle(machine: Machine, site_images: None) -> Iterator[SiteUnderTest]:
    """A site that was never started here; its bundle is in the machine's folder."""
    made = sites.make_site(COMPONENTS="server agent client", SERVER_DATABASE="sqlite")
    try:
        made.render("bundle", "--to", str(machine.folder / FILE))
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def said(machine: Machine, site_in_bundle: SiteUnderTest) -> list[str]:
    """What `load` says there."""
    assert machine.docker("image", "ls", "--quiet") == ""
    routes = machine.inside(Path("/"), "cut -f 2 /proc/net/route").stdout.split()
    assert "00000000" not in routes  # no way out
    done = machine.inside(machine.folder, f"tar xzf {FILE} load && python3 load {FILE}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.timeout(1800)
def test_it_is_loaded_and_runs_the_sample_without_a_network(
    machine: Machine, site_in_bundle: SiteUnderTest, said: list[str]
) -> None:
    assert f"the site is in {machine.folder / site_in_bundle.name}" in said
    assert "1 Completed" in said
    assert not [line for line in said if line.startswith("image ")]  # nothing is made that was loaded
    health = HEALTH.format(port=site_in_bundle.port)
    assert machine.inside(machine.folder, f'python3 -c "{health}"').stdout == "200\n"


def test_up_again_there_changes_nothing(machine: Machine, site_in_bundle: SiteUnderTest, said: list[str]) -> None:
    done = machine.inside(machine.folder / site_in_bundle.name, "make up")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert f"site {site_in_bundle.name} (server agent client): nothing changed" in lines
    assert any(line.startswith(f"{running.WEATHER}: left, ") for line in lines)
