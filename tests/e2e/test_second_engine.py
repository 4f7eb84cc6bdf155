"""A worker on another machine, which knows the server's URL and login and nothing else of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from stack import images
from tests import sites
from tests.e2e import running
from tests.e2e.second_engine import carry, second_engine
from tests.sites import REPO, SiteUnderTest

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that the other machine has, and its engine's address."""
    folder = tmp_path_factory.mktemp("machine")
    with second_engine(folder) as engine:
        carry(images.reference("flows", REPO), engine)
        yield folder, engine


def test_a_run_is_executed_on_the_other_machine_and_stored_there(
    site: SiteUnderTest, machine: tuple[Path, str]
) -> None:
    folder, engine = machine
    settings = {
        "SITE": site.name,
        "COMPONENTS": "agent",
        "PREFECT_API_URL": running.api_url(site),
        "PREFECT_API_AUTH_STRING": site.env["PREFECT_API_AUTH_STRING"],
    }
    root = folder / "site"
    root.mkdir()
    sites.write_env(root / ".env", settings)
    sites.render("--output", str(root))
    up = running.shell(root / "agent", "docker compose up -d --wait", DOCKER_HOST=engine)
    assert up.returncode == 0, up.stderr
    site.compose("agent", "stop", "worker")
    try:
        before = running.figures(site)
        assert running.run_weather(site).stdout.splitlines()[-1] == "1 Completed"
        assert len(running.figures(site)) == len(before)
    finally:
        site.compose("agent", "up", "--detach", "--wait")

    (written,) = figures(root, engine)
    run = running.all_runs(site, sort="END_TIME_DESC", limit=1)[0]
    host = running.shell(root / "agent", "docker compose exec -T worker hostname", DOCKER_HOST=engine).stdout.strip()
    assert (written["flow_run_id"], written["host"]) == (run["id"], host)
    assert host not in {one["Config"]["Hostname"] for one in running.service(site, "worker")}


def figures(root: Path, engine: str) -> list[dict[str, Any]]:
    """What runs wrote into the other machine's volume."""
    command = f'docker compose exec -T worker python -c "{running.FIGURES}"'
    done = running.shell(root / "agent", command, DOCKER_HOST=engine)
    assert done.returncode == 0, done.stderr
    return cast(list[dict[str, Any]], json.loads(done.stdout))
