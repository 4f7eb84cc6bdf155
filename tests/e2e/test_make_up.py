"""`make up`, `make up` again and `make down`, on a fresh clone of this repo with an engine."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sites
from tests.e2e import running
from tests.e2e.clone import NO_ENGINE, Clone
from tests.sites import SiteUnderTest

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def clone(site_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """By a user with a strict umask, whose files containers must be able to read all the same."""
    before = os.umask(0o077)
    try:
        clone = Clone.make(tmp_path_factory.mktemp("clone"))
        assert stat.S_IMODE((clone.root / "client/flows/weather.py").stat().st_mode) == 0o600
        clone.configure()
        yield clone
    finally:
        os.umask(before)
        sites.remove_labelled(f"site={clone.site.name}", sites.SESSION)


@pytest.fixture(scope="module")
def site_of_clone(clone: Clone) -> SiteUnderTest:
    """The clone after its first `make up`."""
    clone.say(clone.make_target("up"))
    return clone.site


def test_up_ends_with_the_sample_completed_and_says_where_the_ui_is(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    lines = clone.said
    assert f"site {site_of_clone.name} runs in containers, on the Docker engine" in lines
    assert "1 Completed" in lines
    path = site_of_clone.root / ".site/profile/profiles.toml"
    assert lines[-3:] == [
        f"the UI is at http://localhost:{site_of_clone.port}",
        "log in with the user:password in PREFECT_API_AUTH_STRING of .env",
        f"for `prefect` in this shell: export PREFECT_PROFILES_PATH={path} PREFECT_API_URL={site_of_clone.url}",
    ]
    assert [(run["state_name"], run["run_count"]) for run in running.all_runs(site_of_clone)] == [("Completed", 1)]
    assert {one["State"]["Health"]["Status"] for one in running.service(site_of_clone, "worker")} == {"healthy"}


def test_up_again_changes_nothing(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    def seen() -> dict[str, object]:
        with running.api(site_of_clone) as client:
            updated = client.get(f"/deployments/name/{running.WEATHER}").raise_for_status().json()["updated"]
        files = {path: path.stat().st_mtime_ns for path in clone.files()}
        runs = [run["id"] for run in running.all_runs(site_of_clone)]
        return {"alive": running.living(site_of_clone), "updated": updated, "files": files, "runs": runs}

    before = seen()
    done = clone.make_target("up")
    assert done.returncode == 0, done.stderr
    assert f"site {site_of_clone.name} (server agent client): nothing changed" in done.stdout.splitlines()
    assert seen() == before


@pytest.mark.parametrize("target", ["up", "down"])
def test_an_engine_that_went_away_is_named_and_nothing_is_started_instead(
    clone: Clone, site_of_clone: SiteUnderTest, target: str
) -> None:
    before = running.living(site_of_clone)
    done = clone.make_target(target, DOCKER_HOST=NO_ENGINE)
    assert done.returncode == 2  # make's own for a recipe that failed
    refusal = done.stderr.splitlines()[0]
    assert refusal.startswith("this site runs in containers, and no Docker daemon answers (")
    assert refusal.endswith(
        "); start the engine (`make engine`), "
        f"or remove {clone.root / '.site/engine'} to begin an empty site of processes"
    )
    assert not clone.processes()
    assert running.living(site_of_clone) == before


def test_down_leaves_no_container_and_no_network(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    assert running.containers(site_of_clone)
    assert running.networks(site_of_clone)
    done = clone.make_target("down")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"site {site_of_clone.name} is down; its data is kept, `make up` brings it back\n"
    assert not running.containers(site_of_clone)
    assert not running.networks(site_of_clone)


def test_a_clone_says_what_it_can_do(clone: Clone) -> None:
    listed = {line.split()[1] for line in clone.make_target("help").stdout.splitlines()}
    assert {"up", "down", "render", "doctor", "engine", "test", "lint"} <= listed


def test_nothing_of_a_site_is_seen_by_git(clone: Clone, site_of_clone: SiteUnderTest) -> None:
    done = running.shell(Path(clone.root), "git status --porcelain")
    assert (done.returncode, done.stdout) == (0, "")
