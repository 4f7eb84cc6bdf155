"""Every process of a site may use all connections of its pool at once: PostgreSQL accepts that many."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import site

SUPERUSERS = 3  # PostgreSQL keeps these from others: superuser_reserved_connections
LISTENERS, MIGRATION, BACKUP = 1, 5, 1  # of the services; Prefect's upgrade; pg_dump


def services(folder: Path, *lines: str) -> dict[str, Any]:
    (folder / ".env").write_text("".join(f"{line}\n" for line in lines))
    plan = {file.path: file.content for file in site.load(folder / ".env", folder).plan}
    return dict(yaml.safe_load(plan["server/compose.yaml"])["services"])


@pytest.mark.parametrize(("workers", "accepted"), [(1, 100), (4, 100), (5, 115), (8, 160), (64, 1000)])
def test_postgresql_accepts_what_all_processes_can_open(tmp_path: Path, workers: int, accepted: int) -> None:
    found = services(tmp_path, f"SERVER_WORKERS={workers}")
    assert found["postgres"]["command"] == ["-c", f"max_connections={accepted}"]
    environment = found["server"]["environment"]
    pool = sum(int(environment[f"PREFECT_SERVER_DATABASE_SQLALCHEMY_{key}"]) for key in ("POOL_SIZE", "MAX_OVERFLOW"))
    assert found["services"]["environment"]["PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE"]
    assert pool * (workers + 1) + LISTENERS + MIGRATION + BACKUP + SUPERUSERS <= accepted
