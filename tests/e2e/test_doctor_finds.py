"""`doctor` on a real engine: a healthy site, and each thing that can be in its way, with advice."""

import socket
import sys

import pytest

from tests import sites
from tests.conftest import SiteFactory
from tests.e2e import running
from tests.e2e.another_user import as_nobody, only_root
from tests.e2e.clone import NO_ENGINE
from tests.e2e.conftest import bridge_address
from tests.sites import REPO, SiteUnderTest

pytestmark = pytest.mark.engine


def doctor(site: SiteUnderTest, prefix: str = "", **environment: str) -> tuple[int, list[str]]:
    """Exit status and findings; a finding changes nothing in the site's folder."""
    before = {path: path.stat().st_mtime_ns for path in site.root.rglob("*")}
    command = f"{prefix} {sys.executable} {REPO / 'render.py'} doctor --output {site.root}"
    done = running.shell(site.root, command, **environment)
    assert done.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in site.root.rglob("*")} == before
    return done.returncode, done.stdout.splitlines()


def test_a_healthy_site(site: SiteUnderTest) -> None:
    status, lines = doctor(site)
    assert status == 0, lines
    assert {line[:5] for line in lines} == {"ok   "}
    version = site.env.get("PREFECT_VERSION", "3.9.1")
    assert lines[-1] == f"ok   the server is Prefect {version}, this site {version}"
    assert f"ok   port {site.port} on {site.env['SERVER_BIND']} is used by a Prefect API" in lines


def test_a_port_that_another_program_has(site_factory: SiteFactory) -> None:
    site = site_factory()
    with socket.create_server(("127.0.0.1", site.port)):
        status, lines = doctor(site)
    assert status == 1
    assert [line for line in lines if line.startswith("FAIL")] == [
        f"FAIL port {site.port} on 127.0.0.1 is not available (Address already in use); "
        "stop the program that uses it, or set another SERVER_PORT"
    ]


def test_a_login_that_the_server_refuses(site: SiteUnderTest, site_factory: SiteFactory) -> None:
    other = site_factory(
        COMPONENTS="agent", PREFECT_API_URL=running.api_url(site), PREFECT_API_AUTH_STRING="admin:another"
    )
    status, lines = doctor(other)
    assert status == 1
    assert [line for line in lines if line.startswith("FAIL")] == [
        "FAIL the API refuses the login of PREFECT_API_AUTH_STRING; "
        "copy the server's; if it changed there, run `docker compose up -d` in server/"
    ]


def test_a_server_that_does_not_answer(site_factory: SiteFactory) -> None:
    (port,) = sites.free_ports(1)
    url = f"http://{bridge_address()}:{port}/api"
    site = site_factory(COMPONENTS="agent", PREFECT_API_URL=url, PREFECT_API_AUTH_STRING="admin:another")
    status, lines = doctor(site)
    assert status == 1
    assert lines[-1] == f"FAIL no API answers at {url}; check PREFECT_API_URL, the network, and whether the server runs"


def test_no_engine(site_factory: SiteFactory) -> None:
    status, lines = doctor(site_factory(), DOCKER_HOST=NO_ENGINE)
    assert status == 0  # the site can run as processes
    assert lines[0].startswith("note no containers: no Docker daemon answers (")
    assert lines[0].endswith("); `make engine` installs an engine; without one, the site runs as processes")


@only_root
def test_an_engine_whose_socket_is_closed_to_the_user(site_factory: SiteFactory) -> None:
    status, lines = doctor(site_factory(), prefix=as_nobody())
    assert status == 1
    assert lines[0] == (
        "FAIL this user may not use the Docker socket; add the user to the group that owns the socket and log in again"
    )
