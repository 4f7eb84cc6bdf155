"""The small variant, SQLite in one container, as a second site beside the first on the same engine.

Its user has a proxy that does not answer, in the configuration of Docker's client and in the shell: neither the
site nor the commands ask it for what is on this machine.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests import sites
from tests.e2e import running
from tests.sites import REPO, SiteUnderTest

pytestmark = pytest.mark.engine


PROXY = "http://127.0.0.1:9"
KEPT = "kept.example.org"


def command(site: SiteUnderTest, name: str) -> "subprocess.CompletedProcess[str]":
    """`make up` or `make down` with OUTPUT, without make."""
    configuration = site.root / "docker"
    configuration.mkdir(exist_ok=True)
    proxies = {"httpProxy": PROXY, "httpsProxy": PROXY, "noProxy": KEPT}
    (configuration / "config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
    shell = f"unset no_proxy NO_PROXY; export DOCKER_CONFIG={configuration} http_proxy={PROXY} HTTP_PROXY={PROXY}"
    return running.shell(site.root, f"{shell}; {sys.executable} {REPO / 'render.py'} {name} --output {site.root}")


@pytest.fixture(scope="module")
def small(site_images: None) -> Iterator[SiteUnderTest]:
    small = sites.make_site(SERVER_DATABASE="sqlite", SERVER_AUTH="false")
    try:
        done = command(small, "up")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 Completed" in done.stdout.splitlines()
        yield small
    finally:
        small.remove()


def unguarded(site: SiteUnderTest) -> int:
    """The status of a question without a login."""
    return httpx.post(f"{running.api_url(site)}/flow_runs/filter", json={}, timeout=60).status_code


def test_its_server_is_one_container_that_asks_for_no_login(small: SiteUnderTest) -> None:
    services = [one["Config"]["Labels"]["com.docker.compose.service"] for one in running.containers(small)]
    assert sorted(services) == ["flows", "recovery", "server", "worker"]
    assert unguarded(small) == 200
    assert "PREFECT_API_AUTH_STRING" not in small.env


def test_no_container_asks_the_users_proxy_for_its_neighbours(small: SiteUnderTest) -> None:
    """The fixture has seen a run Completed. Here: the proxy was there, and the user's own exceptions still are."""
    for one in running.containers(small, "status=running"):
        name, given = one["Name"], (line.partition("=") for line in _environment(one["Id"]))
        variables = {key: value for key, _, value in given}
        assert variables["HTTP_PROXY"] == PROXY, name
        for variable in ("NO_PROXY", "no_proxy"):
            assert {KEPT, "server", "localhost", f".{small.name}"} <= set(variables[variable].split(",")), name


def _environment(container: str) -> list[str]:
    """That of the process that the container's entry point has become; nothing if no process knows its neighbours."""
    script = 'for p in /proc/[0-9]*; do grep -qz "^NO_PROXY=.*,server" $p/environ && cat $p/environ && break; done'
    return sites.docker("exec", container, "sh", "-c", script).split("\0")


def test_doctor_is_content_behind_the_users_proxy(small: SiteUnderTest) -> None:
    done = command(small, "doctor")
    assert f"the API answers at {small.url}" in done.stdout, done.stdout + done.stderr


def test_two_sites_run_their_flows_at_once(site: SiteUnderTest, small: SiteUnderTest) -> None:
    before = {one.name: len(running.figures(one)) for one in (site, small)}
    order = ("run", "--rm", "--no-TTY", "client", "python", "-m", "registrar", "run", running.WEATHER)
    both = [
        subprocess.Popen(["docker", "compose", *order], cwd=one.root / "client", stdout=subprocess.PIPE, text=True)
        for one in (site, small)
    ]
    assert [one.communicate()[0].splitlines()[-1] for one in both] == ["1 Completed"] * 2
    assert {one.name: len(running.figures(one)) for one in (site, small)} == {
        name: count + 1 for name, count in before.items()
    }


def test_down_of_one_leaves_the_other_untouched_and_keeps_its_own_data(
    site: SiteUnderTest, small: SiteUnderTest
) -> None:
    other, runs = running.living(site), {run["id"] for run in running.all_runs(small)}
    assert command(small, "down").returncode == 0
    assert not running.containers(small)
    assert not running.networks(small)
    assert running.living(site) == other
    assert running.answers(site)

    small.set(SERVER_AUTH="true")
    done = command(small, "up")
    assert done.returncode == 0, done.stderr
    assert "made    PREFECT_API_AUTH_STRING (kept in .env)" in done.stdout.splitlines()
    assert any(line.startswith(f"{running.WEATHER}: left, ") for line in done.stdout.splitlines())
    assert unguarded(small) == 401
    assert {run["id"] for run in running.all_runs(small)} == runs
    assert running.run_weather(small).stdout.splitlines()[-1] == "1 Completed"
