"""Every secret changed in `.env`: after the commands of the page the old ones open nothing, and the site goes on."""

import httpx
import pytest

from tests.e2e import running
from tests.e2e.page import commands
from tests.sites import SiteUnderTest

pytestmark = pytest.mark.engine

LOGIN = "operator:another $HOME 'login'"
DATABASE_PASSWORD = 'another $HOME "password"'
REDIS_PASSWORD = "a third $HOME 'password'"


def status(site: SiteUnderTest, login: str) -> int:
    auth = httpx.BasicAuth(*login.split(":", 1))
    return httpx.post(f"{running.api_url(site)}/flow_runs/filter", json={}, auth=auth, timeout=60).status_code


def test_the_old_login_is_refused_and_server_and_workers_go_on(site: SiteUnderTest) -> None:
    old, runs = site.env["PREFECT_API_AUTH_STRING"], {run["id"] for run in running.all_runs(site)}
    site.set(
        PREFECT_API_AUTH_STRING=LOGIN,
        SERVER_DATABASE_PASSWORD=DATABASE_PASSWORD,
        SERVER_REDIS_PASSWORD=REDIS_PASSWORD,
    )
    site.render_files()
    assert status(site, old) == 200  # no service knows it yet

    (password,) = commands("A database password was changed")
    for command in (password, "cd agent && docker compose up -d --wait"):
        done = running.shell(site.root, command)
        assert done.returncode == 0, done.stdout + done.stderr

    assert (status(site, old), status(site, LOGIN)) == (401, 200)
    assert running.run_weather(site).stdout.splitlines()[-1] == "1 Completed"
    assert {run["id"] for run in running.all_runs(site)} > runs
