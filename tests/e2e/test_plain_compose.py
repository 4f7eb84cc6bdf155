"""A rendered site needs nothing of this repo: Compose alone brings it up, scales it and registers its flows."""

from pathlib import Path

import pytest

from tests.e2e import running
from tests.e2e.conftest import BRING_UP
from tests.sites import REPO, SiteUnderTest

pytestmark = pytest.mark.engine

WORKERS = 3
HOURS = 26115  # rows of the flow's data


def test_a_moved_site_mounts_nothing_from_outside_its_folder(site: SiteUnderTest) -> None:
    mounts = [mount for one in running.containers(site) for mount in one["Mounts"] if mount["Type"] == "bind"]
    assert mounts
    assert not [mount["Source"] for mount in mounts if not Path(mount["Source"]).is_relative_to(site.root)]


def test_a_moved_site_names_no_path_of_this_repo(site: SiteUnderTest) -> None:
    for component in ("server", "agent", "client"):
        assert str(REPO) not in site.compose(component, "config").stdout


@pytest.mark.parametrize("count", [9, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_three_scaled_workers_complete_all_runs_and_none_twice(site: SiteUnderTest, count: int) -> None:
    done = running.shell(site.root, BRING_UP)
    assert done.returncode == 0, done.stderr
    assert "deployment         weather/weather                 left" in done.stdout.splitlines()
    workers = {one["Config"]["Hostname"] for one in running.service(site, "worker")}
    assert len(workers) == WORKERS
    before = {one["flow_run_id"] for one in running.figures(site)}

    done = running.run_weather(site, "--count", str(count), "--timeout", "3000")

    assert done.stdout.splitlines()[-1] == f"{count} Completed"
    written = [one for one in running.figures(site) if one["flow_run_id"] not in before]
    assert len(written) == count
    assert {one["host"] for one in written} == workers
    assert {one["hours"] for one in written} == {HOURS}
    with running.api(site) as client:
        ids = [one["flow_run_id"] for one in written]
        asked = {"flow_runs": {"id": {"any_": ids}}, "artifacts": {"key": {"any_": ["weather-plot"]}}}
        plots = client.post("/artifacts/filter", json=asked).json()
    assert sorted(plot["flow_run_id"] for plot in plots) == sorted(ids)
    assert {run["run_count"] for run in running.all_runs(site, flow_runs={"id": {"any_": ids}})} == {1}
