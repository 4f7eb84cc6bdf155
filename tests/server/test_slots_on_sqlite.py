"""A server on SQLite keeps the leases on slots in its memory: what was taken before a restart comes back by itself."""

from pathlib import Path

import pytest

from tests.server.conftest import Server, free_port, running_server, wait_until

LIMITS = "/v2/concurrency_limits"
# Leases of half a minute: two of them are waited for.
EAGER = {"PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "30"}


def taken(server: Server) -> int:
    return int(server.api.get(f"{LIMITS}/lost").raise_for_status().json()["active_slots"])


@pytest.mark.long
def test_slots_that_were_taken_before_a_restart_are_freed(tmp_path: Path) -> None:
    port = free_port()
    with running_server(tmp_path, port, **EAGER) as server:
        server.api.post(f"{LIMITS}/", json={"name": "lost", "limit": 2}).raise_for_status()
        body = {"names": ["lost"], "slots": 2, "lease_duration": 3600}
        server.api.post(f"{LIMITS}/increment-with-lease", json=body).raise_for_status()
    with running_server(tmp_path, port, **EAGER) as server:
        assert taken(server) == 2
        wait_until(lambda: taken(server) == 0, tmp_path / "server.log", limit_s=600)
