"""A component that cannot start: `up` ends, says meanwhile what it waits for, and ends with the last words of that."""

from collections.abc import Iterator

import pytest

from stack.components.server import SERVER
from stack.core.errors import SiteError
from stack.run import compose, waiting
from stack.run.waiting import Container
from tests import sites
from tests.sites import SiteUnderTest

pytestmark = pytest.mark.engine


@pytest.fixture
def server(site_images: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteUnderTest]:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 1)
    monkeypatch.setattr(waiting, "SAY_SECONDS", 0)
    site = sites.make_site(COMPONENTS="server")
    yield site
    site.remove()


def faults(site: SiteUnderTest) -> tuple[str, ...]:
    with pytest.raises(SiteError) as refused:
        compose.up(site.root, SERVER)
    return refused.value.faults


def test_postgres_refuses_the_data_of_another_major(server: SiteUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    server.compose("server", "create", "postgres")
    (image,) = server.compose("server", "config", "--images", "postgres").stdout.split()
    volume = f"{SERVER.project(server.name)}_postgres:/data"
    script = "cd /data && echo 14 > PG_VERSION && touch postgresql.conf pg_hba.conf && chown -R postgres ."
    sites.docker("run", "--rm", "--volume", volume, "--entrypoint", "sh", image, "-c", script)
    *words, last = faults(server)
    assert "database files are incompatible with server" in "\n".join(words)
    assert last.startswith("server: postgres (restarting, exit code 1, restarts: ")
    assert last.endswith("): it ends each time soon after its start; the whole log: `cd server && docker compose logs`")
    said = capsys.readouterr().out
    assert "s, waiting for " in said
    assert "server: not healthy after " in said


def test_what_never_gets_healthy_is_waited_for_no_longer_than_the_limit(
    server: SiteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    override = "services: {postgres: {entrypoint: [sh, -c], command: ['echo the disk is full; exec sleep 600']}}\n"
    (server.root / "server/compose.override.yaml").write_text(override)
    inspected = waiting.inspected

    def until_it_has_spoken(identities: list[str]) -> list[Container]:
        found = inspected(identities)
        if any(one.service == "postgres" and sites.docker("logs", one.identity) for one in found):
            monkeypatch.setattr(waiting, "HEALTHY_SECONDS", 0)
        return found

    monkeypatch.setattr(waiting, "inspected", until_it_has_spoken)
    *words, last = faults(server)
    assert "the disk is full" in "\n".join(words)
    assert last.startswith("server: not healthy within 0 s: ")
    assert "postgres (not healthy yet)" in last
