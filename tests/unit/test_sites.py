"""What tests are promised: no engine is said in one line, and nothing that a session made stays."""

import os
import subprocess
import sys

import pytest

from tests import sites
from tests.conftest import SiteFactory
from tests.sites import LABELS, REPO, docker
from tests.unit.tree import tree

MINE = f"test-sites-{os.getpid()}"
NO_PROCESS = "4194305"  # above the highest number that Linux gives (pid_max is at most 2**22)


def run_without_engine(**environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/compose/test_logins.py"]
    nowhere = os.environ | {"DOCKER_HOST": "unix:///no/engine", "REQUIRE_ENGINE": ""} | environment
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, env=nowhere)


def test_without_engine_one_line_says_why() -> None:
    done = run_without_engine()
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert done.returncode == 0
    assert len(skipped) == 1
    assert ": needs a Docker engine, and no Docker daemon answers (" in skipped[0]
    assert skipped[0].endswith("; `make engine` installs one")


def test_without_engine_tests_fail_where_it_is_required() -> None:
    done = run_without_engine(REQUIRE_ENGINE="1")
    assert done.returncode == 1
    assert "REQUIRE_ENGINE=1, and no Docker daemon answers (" in done.stdout
    assert "passed" not in done.stdout
    assert "skipped" not in done.stdout


def test_sites_differ_and_are_gone(site_factory: SiteFactory) -> None:
    one, two = site_factory(), site_factory(SERVER_DATABASE="sqlite", SITE_LABELS="team=beamline")
    assert one.name != two.name
    assert one.port != two.port
    assert one.env["SITE_LABELS"] == sites.SITE_LABELS
    assert two.env["SITE_LABELS"] == f"{sites.SITE_LABELS},team=beamline"
    assert two.env["SERVER_DATABASE"] == "sqlite"
    before = tree(one.root)
    two.set(SERVER_DATABASE="postgres")
    two.render()
    assert "SERVER_REDIS_PASSWORD" in two.env
    assert tree(one.root) == before
    two.remove()
    assert not two.root.exists()
    assert one.root.exists()


@pytest.mark.engine
def test_what_a_killed_session_left_is_removed() -> None:
    names = {"dead": NO_PROCESS, "here": LABELS["site.session"], "beside": str(os.getppid())}
    try:
        for name, session in names.items():
            labels = ("--label=site.test=1", f"--label=site.session={session}", f"--label=site={MINE}")
            docker("volume", "create", *labels, f"{MINE}-{name}")
        sites.remove_ended_sessions()
        assert left() == {"here", "beside"}
        sites.remove_labelled(sites.SESSION, f"site={MINE}")
        assert left() == {"beside"}
    finally:
        docker("volume", "rm", "--force", *(f"{MINE}-{name}" for name in names))


def left() -> set[str]:
    found = docker("volume", "ls", "--quiet", f"--filter=label=site={MINE}").split()
    return {name.rsplit("-", 1)[1] for name in found}
