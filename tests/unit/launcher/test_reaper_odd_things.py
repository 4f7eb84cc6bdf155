"""One odd container, link or answer is named once and stays; the reaper takes the others."""

from __future__ import annotations

import logging
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.own_container import mounts_of
from launchers.containers.paths import Mount
from launchers.containers.site_env import SiteEnv
from launchers.launching.run_identity import ATTEMPT_LABEL, FLOW_RUN_LABEL
from reaper.flow_runs import FlowRuns
from reaper.sweep import sweep
from site_service import passing_over
from site_service.rest import Rest

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ENDED = str(uuid.uuid4())
log = logging.getLogger("reaper")


@pytest.fixture(autouse=True)
def forgotten() -> None:
    passing_over._said.clear()


def container(name: str, run: Any, **more: Any) -> dict[str, Any]:
    return {
        "Id": name,
        "Name": f"/{name}",
        "Config": {"Labels": {FLOW_RUN_LABEL: run}},
        "State": {"Status": "exited", "FinishedAt": LONG_AGO.isoformat()},
        "Created": LONG_AGO.isoformat(),
    } | more


class Api:
    """Knows one ended run, and an odd one. Refuses other things than ids, as Prefect does."""

    def __init__(self, odd: str = "") -> None:
        self.odd = odd

    def post(self, path: str, body: dict[str, Any]) -> Any:
        asked = [str(uuid.UUID(one)) for one in body["flow_runs"]["id"]["any_"]]
        state = {"type": "COMPLETED", "name": "Completed", "timestamp": LONG_AGO.isoformat()}
        known = {
            ENDED: {"id": ENDED, "state": state, "run_count": 1},
            self.odd: {"id": self.odd, "state": "Completed", "run_count": 1},
        }
        return [None, {"name": "x"}, *(known[one] for one in asked if one in known)]


class Containers:
    def __init__(self, *found: Any) -> None:
        self.found = found
        self.removed: list[str] = []

    def find(self, labels: object) -> list[Any]:
        return [{"Id": one["Id"], "Names": [one["Name"]]} if isinstance(one, dict) else one for one in self.found]

    def inspect(self, identity: str) -> Any:
        if identity == "broken":
            raise EngineError(500, "its layer is gone")
        return next(one for one in self.found if isinstance(one, dict) and one["Id"] == identity)

    def remove(self, identity: str) -> None:
        self.removed.append(identity)


def removed(engine: Containers, work: Path, odd: str = "") -> list[str]:
    site = cast(SiteEnv, SimpleNamespace(site="s", work_dir=str(work)))
    runs = FlowRuns(cast(Rest, Api(odd)))
    sweep(cast(Engine, engine), runs, site, timedelta(0), log)
    return engine.removed


ODD_CONTAINERS: list[Any] = [
    container("x", "yes"),
    container("x", ""),
    container("x", ENDED, Config={"Labels": None}),
    container("x", ENDED, Config={"Labels": {FLOW_RUN_LABEL: ENDED, ATTEMPT_LABEL: "9" * 5000}}),
    container("x", ENDED, State={"Status": "exited", "FinishedAt": "yesterday"}),
    container("x", ENDED, State=None),
    container("broken", ENDED),
    "text",
    None,
    [],
]


@pytest.mark.parametrize("odd", ODD_CONTAINERS, ids=lambda odd: str(odd)[:60])
def test_an_odd_container_is_named_and_the_others_go(
    odd: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Containers(odd, container("good", ENDED.upper()))
    assert [removed(engine, tmp_path), removed(engine, tmp_path)] == [["good", "good"]] * 2
    named = [line for line in caplog.messages if line.startswith("passed over container")]
    assert len(named) == 1


def test_a_container_of_a_run_whose_answer_cannot_be_read_stays(tmp_path: Path) -> None:
    odd = str(uuid.uuid4())
    assert removed(Containers(container("odd", odd), container("good", ENDED)), tmp_path, odd) == ["good"]


def test_links_and_files_of_the_names_of_launches_stay(tmp_path: Path) -> None:
    outside, work = tmp_path / "outside", tmp_path / "work"
    for folder in (outside, work, work / f"{ENDED}-1"):
        folder.mkdir()
    (work / f"{ENDED}-2").symlink_to(outside)
    (work / f"{ENDED}-3").symlink_to(work / f"{ENDED}-3")  # to itself
    (work / f"{ENDED}-4").symlink_to("nowhere")
    (work / f"{ENDED}-5").write_text("a file")
    os.utime(work / f"{ENDED}-1", (0, 0))
    assert removed(Containers(container("good", ENDED)), work) == ["good"]
    assert sorted(path.name[-1] for path in work.iterdir()) == ["2", "3", "4", "5"]
    assert outside.is_dir()


def test_an_odd_mount_of_the_own_container_is_passed_over() -> None:
    mounts = [None, {}, {"Type": "bind"}, {"Type": "bind", "Source": "/a", "Destination": "/b"}]
    assert mounts_of({"Mounts": mounts, "HostConfig": {}}) == [Mount("/b", "/a", True, "")]
