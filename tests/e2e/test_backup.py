"""Backup and restore by the commands of the page: everything is there again after the volumes were removed."""

import pytest

from tests.e2e import running
from tests.e2e.page import commands
from tests.sites import SiteUnderTest

pytestmark = pytest.mark.engine

WIPE = "(cd agent && docker compose down --volumes) && (cd server && docker compose down --volumes)"


def seen(site: SiteUnderTest) -> dict[str, object]:
    """What a site knows of its runs, on the server and in the storage."""
    known = {kind: sorted(running.every(site, kind), key=lambda one: str(one["id"])) for kind in ("logs", "artifacts")}
    runs = [(run["id"], run["name"], run["state_name"], run["end_time"]) for run in running.every(site, "flow_runs")]
    files = sorted(running.figures(site), key=lambda one: str(one["flow_run_id"]))
    return known | {"runs": sorted(runs), "files": files}


def test_after_a_restore_everything_is_there_again(site: SiteUnderTest) -> None:
    backup, restore, _sqlite = commands("Backup and restore")
    running.until_settled(site)
    before = seen(site)
    assert all(before.values())
    try:
        for command in (backup, WIPE, restore):
            done = running.shell(site.root, command)
            assert done.returncode == 0, done.stdout + done.stderr
        assert seen(site) == before
        assert (site.root / "env.backup").read_text() == (site.root / ".env").read_text()
    finally:
        for name in ("prefect.dump", "results.tar.gz", "env.backup"):
            (site.root / name).unlink(missing_ok=True)
    assert running.run_weather(site).stdout.splitlines()[-1] == "1 Completed"
