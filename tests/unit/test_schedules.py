"""schedules.yml: its schedules are in the deployment files, and its faults are reported at once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.check import schedule, schedules
from stack.cli import main
from tests.sites import REPO
from tests.unit.tree import tree

Capture = pytest.CaptureFixture[str]
EXAMPLE = 'write for example weather: [{cron: "0 6 * * 1-5"}]'
CRON = 'write for example cron: "0 6 * * 1-5"'
NO_CRON = "a cron expression is minute, hour, day of month, month, day of week, and optionally seconds"
ONE = f"write exactly one of cron, interval, rrule, for example {CRON.removeprefix('write for example ')}"
INTERVAL = "write for example interval: 3600"
NO_INTERVAL = "an interval is a number of seconds, or an ISO 8601 duration such as PT1H30M"
BOUNDS = "an interval lasts from 1 second to 100 years"
RRULE = 'write for example rrule: "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=18;BYMINUTE=0;BYSECOND=0"'
NO_RRULE = "this is not a recurrence rule of iCalendar (RFC 5545)"
FOR_EVER = "INTERVAL must be 1 or more: Prefect would search for the next time for ever"
TOO_MANY = "Prefect goes through all times since its start, and these become too many: use interval"
UNTIL = "UNTIL is in the schedule's time zone, without Z; with DTSTART, both or neither end in Z"
ZONE = "write for example timezone: Europe/Berlin"
NO_DATE = "a date and time is written in ISO 8601, such as 2026-01-01T06:00:00"
ANCHOR = f'{NO_DATE}; write for example anchor_date: "2026-01-01T06:00:00+01:00"'
PARAMETERS = "write for example parameters: {months: [1, 2]}"
JSON = "a parameter must fit into JSON: text, number, true, false, null, list or mapping"
SWITCH = "this must be true or false; write for example"
SLUG = "a slug is text: a name for this schedule that stays when its times change; write for example slug: daily"
OWN = "(schedules of a file in client/deployments/ belong in that file)"

# A schedule as YAML, with what is said about it behind `schedules.yml: weather[0]`.
FAULTS = {
    "[]": ': this must be a schedule; write for example {cron: "0 6 * * 1-5"}',
    "daily": ': this must be a schedule; write for example {cron: "0 6 * * 1-5"}',
    "{slug: daily}": f": has none of the three kinds; {ONE}",
    "{cron: 0 6 * * *, interval: 60}": f": has cron and interval; {ONE}",
    "{cron: 0 6 * * *, interval: 60, rrule: FREQ=DAILY}": f": has cron and interval and rrule; {ONE}",
    "{corn: 0 6 * * *, interval: 60}": ".corn: there is no such field; did you mean cron?",
    "{interval: 60, active: true}": (
        ".active: there is no such field; choose cron, day_or, interval, anchor_date, rrule, timezone, parameters, "
        "paused or slug"
    ),
    "{interval: 60, 5: x}": (
        ".5: there is no such field; choose cron, day_or, interval, anchor_date, rrule, timezone, parameters, "
        "paused or slug"
    ),
    "{cron: 61 * * * *}": f".cron: '61 * * * *': {NO_CRON}; {CRON}",
    "{cron: 0 6 * *}": f".cron: '0 6 * *': {NO_CRON}; {CRON}",
    "{cron: ''}": f".cron: '': {NO_CRON}; {CRON}",
    "{cron: 6}": f".cron: 6: {NO_CRON}; {CRON}",
    "{cron: }": f".cron: {NO_CRON}; {CRON}",
    "{cron: [0, 6]}": f".cron: {NO_CRON}; {CRON}",
    "{cron: 0 0 1W * *}": f".cron: '0 0 1W * *': {NO_CRON}; {CRON}",
    "{cron: R 6 * * *}": f".cron: 'R 6 * * *': Prefect does not support random (R) or hashed (H) times; {CRON}",
    "{cron: 0 0 30 2 *}": f".cron: '0 0 30 2 *': this day never comes; {CRON}",
    "{cron: 0 6 * * *, anchor_date: 2026-01-01}": (
        ".anchor_date: works only with interval; remove it from a schedule with cron"
    ),
    "{interval: hourly}": f".interval: 'hourly': {NO_INTERVAL}; {INTERVAL}",
    "{interval: 1:30}": f".interval: '1:30': {NO_INTERVAL}; {INTERVAL}",
    "{interval: true}": f".interval: True: {NO_INTERVAL}; {INTERVAL}",
    "{interval: P}": f".interval: 'P': {NO_INTERVAL}; {INTERVAL}",
    "{interval: }": f".interval: {NO_INTERVAL}; {INTERVAL}",
    "{interval: 0}": f".interval: 0: {BOUNDS}; {INTERVAL}",
    "{interval: -60}": f".interval: -60: {BOUNDS}; {INTERVAL}",
    "{interval: .nan}": f".interval: nan: {BOUNDS}; {INTERVAL}",
    "{interval: P101Y}": f".interval: 'P101Y': {BOUNDS}; {INTERVAL}",
    f"{{interval: 1{'0' * 400}}}": f".interval: {BOUNDS}; {INTERVAL}",
    "{cron: 0 0 1 1 * 0 2020}": f".cron: '0 0 1 1 * 0 2020': its year is over; {CRON}",
    "{interval: 60, anchor_date: '20260101'}": f".anchor_date: '20260101': {ANCHOR}",
    "{interval: 60, anchor_date: 2026-01-01T24:00:00}": f".anchor_date: '2026-01-01T24:00:00': {ANCHOR}",
    "{interval: 60, timezone: Factory}": f".timezone: 'Factory': there is no such time zone; {ZONE}",
    "{rrule: FREQ=DAILY;INTERVAL=0}": f".rrule: 'FREQ=DAILY;INTERVAL=0': {FOR_EVER}; {RRULE}",
    "{rrule: FREQ=DAILY;INTERVAL=-1}": f".rrule: 'FREQ=DAILY;INTERVAL=-1': {FOR_EVER}; {RRULE}",
    "{rrule: FREQ=SECONDLY;INTERVAL=30}": f".rrule: 'FREQ=SECONDLY;INTERVAL=30': {TOO_MANY}; {RRULE}",
    "{rrule: FREQ=SECONDLY;BYHOUR=6}": f".rrule: 'FREQ=SECONDLY;BYHOUR=6': {TOO_MANY}; {RRULE}",
    "{rrule: FREQ=DAILY;UNTIL=20300101T000000Z}": f".rrule: 'FREQ=DAILY;UNTIL=20300101T000000Z': {UNTIL}; {RRULE}",
    "{interval: 60, day_or: false}": ".day_or: works only with cron; remove it from a schedule with interval",
    "{interval: 60, anchor_date: 2026-02-30}": f".anchor_date: '2026-02-30': {ANCHOR}",
    "{interval: 60, anchor_date: tomorrow}": f".anchor_date: 'tomorrow': {ANCHOR}",
    "{rrule: daily}": f".rrule: 'daily': {NO_RRULE}; {RRULE}",
    "{rrule: FREQ=WEEKLY;BYDAY=XX}": f".rrule: 'FREQ=WEEKLY;BYDAY=XX': {NO_RRULE}: invalid 'BYDAY': XX; {RRULE}",
    "{rrule: FREQ=SOMETIMES}": f".rrule: 'FREQ=SOMETIMES': {NO_RRULE}: invalid 'FREQ': SOMETIMES; {RRULE}",
    "{rrule: 5}": f".rrule: 5: {NO_RRULE}; {RRULE}",
    f"{{rrule: 'FREQ=DAILY;BYHOUR={'6,' * 3250}6'}}": (
        f".rrule: Prefect allows at most 6500 characters, this has 6519; {RRULE}"
    ),
    "{interval: 60, timezone: Europe/Berln}": (
        f".timezone: 'Europe/Berln': there is no such time zone, did you mean Europe/Berlin?; {ZONE}"
    ),
    "{interval: 60, timezone: CEST}": f".timezone: 'CEST': there is no such time zone; {ZONE}",
    "{interval: 60, timezone: localtime}": f".timezone: 'localtime': there is no such time zone; {ZONE}",
    "{interval: 60, timezone: 1}": f".timezone: 1: this is not a time zone; {ZONE}",
    "{interval: 60, parameters: [1]}": (
        f".parameters: parameters are a mapping of the flow's parameters to values; {PARAMETERS}"
    ),
    "{interval: 60, parameters: {1: a}}": (
        f".parameters: parameters are a mapping of the flow's parameters to values; {PARAMETERS}"
    ),
    "{interval: 60, parameters: {a: .nan}}": f".parameters: {JSON}; {PARAMETERS}",
    "{interval: 60, parameters: {a: &a [*a]}}": f".parameters: {JSON}; {PARAMETERS}",
    "{interval: 60, parameters: {a: !!binary YQ==}}": f".parameters: {JSON}; {PARAMETERS}",
    "{interval: 60, paused: maybe}": f".paused: 'maybe': {SWITCH} paused: true",
    "{cron: 0 6 * * *, day_or: 1}": f".day_or: 1: {SWITCH} day_or: false",
    "{interval: 60, slug: 5}": f".slug: 5: {SLUG}",
    "{interval: 60, slug: ''}": f".slug: '': {SLUG}",
}

# Files that are wrong as a whole, or between their parts.
FILES = {
    "- weather": f"schedules.yml: this must be a mapping of deployments to schedules; {EXAMPLE}",
    "5: []": f"schedules.yml: this must be a mapping of deployments to schedules; {EXAMPLE}",
    "weather: {interval: 60}": f"schedules.yml: weather: this must be a list of schedules; {EXAMPLE}",
    "weater: [{interval: 60}]": f"schedules.yml: weater: there is no such deployment; did you mean weather? {OWN}",
    "weather/weather: []": f"schedules.yml: weather/weather: there is no such deployment; did you mean weather? {OWN}",
    "mine: []": f"schedules.yml: mine: there is no such deployment; choose flights or weather {OWN}",
    "weather:\n  - {interval: 60, slug: a}\n  - {interval: 70, slug: a}": (
        "schedules.yml: weather[1].slug: 'a' is used twice; give each schedule a slug of its own"
    ),
    "weather:\n  - {interval: 60}\n  - {interval: 70}\n  - {interval: 60}": (
        "schedules.yml: weather[2]: the same as weather[0], and would run twice; leave one out"
    ),
    "weather: []\nweather: []": "schedules.yml:2: the key weather appears twice; correct the YAML on this line",
    "weather:\n  - slug: a\n    slug: b": "schedules.yml:3: the key slug appears twice; correct the YAML on this line",
    "weather: [": "schedules.yml:1: expected the node content, but found '<stream end>'; correct the YAML on this line",
    "weather: [\x07]": (
        "schedules.yml: not valid YAML: unacceptable character #x0007: special characters are not "
        'allowed in "<unicode string>", position 10'
    ),
}


@pytest.fixture
def root(tmp_path: Path, capsys: Capture) -> Path:
    """A rendered site without schedules."""
    assert main(["--output", str(tmp_path / "site")]) == 0
    capsys.readouterr()
    return tmp_path / "site"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered site for those who change nothing but its schedules."""
    folder = tmp_path_factory.mktemp("site")
    assert main(["--output", str(folder)]) == 0
    return folder


def write(root: Path, text: str) -> None:
    (root / "schedules.yml").write_text(text, encoding="utf-8")


def rendered(root: Path, file: str = "prefect.yaml") -> dict[str, Any]:
    """The schedules of each deployment of a rendered file."""
    content = yaml.safe_load((root / "client" / file).read_text(encoding="utf-8"))
    return {deployment["name"]: deployment["schedules"] for deployment in content["deployments"]}


def refuses(root: Path, capsys: Capture, *lines: str) -> None:
    """Render ends in these lines and changes nothing."""
    before = tree(root)
    assert main(["--output", str(root)]) == 2
    shown = capsys.readouterr()
    assert shown.err.splitlines() == list(lines)
    assert shown.out == ""
    assert tree(root) == before


def test_without_the_file_nothing_runs_by_itself(root: Path) -> None:
    assert rendered(root) == {"weather": [], "flights": []}


@pytest.mark.parametrize("text", ["", "# weather:\n", "weather:\n  # - {interval: 60}\n", "weather: []\n"])
def test_a_file_may_say_nothing(text: str, root: Path) -> None:
    write(root, text)
    assert main(["--output", str(root), "--check"]) == 0


def test_the_example_is_a_file_of_the_default_site(root: Path) -> None:
    write(root, (REPO / "schedules.example.yml").read_text(encoding="utf-8"))
    assert main(["--output", str(root)]) == 0
    assert rendered(root)["weather"] == [
        {"cron": "0 6 * * 1-5", "timezone": "Europe/Berlin", "parameters": {"stations": ["JFK"]}, "slug": "workdays"},
        {"interval": 21600, "anchor_date": "2026-01-01T00:00:00Z", "slug": "every-six-hours", "active": False},
        {
            "rrule": "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=18;BYMINUTE=0;BYSECOND=0",
            "timezone": "America/New_York",
            "slug": "last-friday-of-a-month",
        },
    ]


def test_the_example_explains_every_field() -> None:
    comments = [
        line for line in (REPO / "schedules.example.yml").read_text(encoding="utf-8").splitlines() if "#" in line
    ]
    assert not [name for name in schedule.FIELDS if not any(line.startswith(f"#   {name} ") for line in comments)]


@pytest.mark.parametrize("name", schedule.FIELDS)
def test_what_a_fault_says_to_write_instead_is_no_fault(name: str) -> None:
    entry = yaml.safe_load(schedule.FIELDS[name].example)
    others: list[dict[str, object]] = [{}, {"cron": "0 6 * * *"}, {"interval": 60}]
    assert [] in [schedule.examine(other | entry)[1] for other in others]


@pytest.mark.parametrize(("entry", "fault"), FAULTS.items(), ids=lambda text: text[:50])
def test_a_wrong_schedule_is_refused(entry: str, fault: str, shared: Path, capsys: Capture) -> None:
    write(shared, f"weather:\n  - {entry}\n")
    refuses(shared, capsys, f"schedules.yml: weather[0]{fault}")


@pytest.mark.parametrize(("text", "fault"), FILES.items(), ids=lambda text: text[:50])
def test_a_wrong_file_is_refused(text: str, fault: str, shared: Path, capsys: Capture) -> None:
    write(shared, text)
    refuses(shared, capsys, fault)


def test_every_fault_is_said_at_once_in_the_order_of_the_file(root: Path, capsys: Capture) -> None:
    write(root, "weater: [{cron: x}]\nweather:\n  - {interval: 60}\n  - {interval: 0, timezone: Mars, zone: 5}\n")
    refuses(
        root,
        capsys,
        f"schedules.yml: weater: there is no such deployment; did you mean weather? {OWN}",
        f"schedules.yml: weater[0].cron: 'x': {NO_CRON}; {CRON}",
        "schedules.yml: weather[1].zone: there is no such field; did you mean timezone?",
        f"schedules.yml: weather[1].interval: 0: {BOUNDS}; {INTERVAL}",
        f"schedules.yml: weather[1].timezone: 'Mars': there is no such time zone; {ZONE}",
    )


def test_what_is_no_text_file_is_refused(root: Path, capsys: Capture) -> None:
    path = root / "schedules.yml"
    path.mkdir()
    refuses(root, capsys, f"{path}: this is a directory; give the path of the schedules file in it")
    path.rmdir()
    path.write_bytes(b"weather: \x80")
    refuses(root, capsys, f"{path}: byte 9 is not UTF-8 text; save the file as UTF-8")


def test_a_file_that_is_named_must_be_there(tmp_path: Path, capsys: Capture) -> None:
    env = tmp_path / "als.env"
    env.write_text("SITE=als\nCLIENT_SCHEDULES=als.yml\n", encoding="utf-8")
    command = ["--env", str(env), "--output", str(tmp_path / "als")]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "als.env:2: CLIENT_SCHEDULES=als.yml: there is no such file; make it with `cp schedules.example.yml als.yml` "
        "beside .env; write for example CLIENT_SCHEDULES=schedules.yml\n"
    )
    (tmp_path / "als.yml").write_text("weather: [{interval: PT1H, paused: false}]", encoding="utf-8")
    assert main(command) == 0
    assert rendered(tmp_path / "als") == {"weather": [{"interval": 3600, "active": True}], "flights": []}
    text = env.read_text(encoding="utf-8")
    env.write_text(text.replace("=als.yml", f"={tmp_path / 'als.yml'}"), encoding="utf-8")
    assert main([*command, "--check"]) == 0


def test_a_changed_schedule_is_drift(root: Path, capsys: Capture) -> None:
    write(root, "weather: [{interval: 60.5, slug: often}]")
    assert main(["--output", str(root), "--check"]) == 1
    assert capsys.readouterr().out == "changed client/prefect.yaml\nchanged client/compose.yaml\n"
    assert main(["--output", str(root)]) == 0
    (root / "schedules.yml").unlink()
    assert main(["--output", str(root)]) == 0
    assert rendered(root) == {"weather": [], "flights": []}


def test_what_schedules_share_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "schedules.yml"
    path.write_text(
        "definitions: {daily: &daily {cron: 0 6 * * *, timezone: UTC}}\n"
        "weather: [*daily]\nflights: [{<<: *daily, slug: f}]\n"
    )
    read = schedules.load(path, ["weather", "flights"])
    assert {name: [(one["cron"], one.get("slug")) for one in each] for name, each in read.items()} == {
        "weather": [("0 6 * * *", None)],
        "flights": [("0 6 * * *", "f")],
    }


def test_every_deployment_that_is_registered_takes_schedules(tmp_path: Path) -> None:
    """A template that gave one no place for them would drop what its user wrote."""
    (tmp_path / ".env").write_text("COMPONENTS=all\n", encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    registration = yaml.safe_load((tmp_path / "client/registration.yaml").read_text(encoding="utf-8"))
    files = [name for name in registration["deployments"] if "*" not in name]
    assert len(files) >= 2
    names = [name for file in files for name in rendered(tmp_path, file)]
    write(tmp_path, "".join(f"{name}: [{{interval: 60, slug: of-{name}}}]\n" for name in names))
    assert main(["--output", str(tmp_path)]) == 0
    for file in files:
        assert rendered(tmp_path, file) == {
            name: [{"interval": 60, "slug": f"of-{name}"}] for name in rendered(tmp_path, file)
        }


def test_a_deployment_that_this_machine_does_not_register_is_refused(root: Path, capsys: Capture) -> None:
    """Its file is rendered, and a schedule in it would never run."""
    assert "weather_docker" in rendered(root, "prefect-docker.yaml")
    write(root, "weather_docker: [{interval: 60}]")
    refuses(root, capsys, f"schedules.yml: weather_docker: there is no such deployment; did you mean weather? {OWN}")


def test_a_machine_that_registers_nothing_reads_no_schedules(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMPONENTS=server agent\n", encoding="utf-8")
    write(tmp_path, "not: [for, this, machine]")
    assert main(["--output", str(tmp_path)]) == 0


SLOW = ("croniter", "dateutil", "tzdata", "prefect")


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("", set()),
        ("weather: [{interval: PT1H}]", set()),
        ("weather: [{cron: 0 6 * * *, timezone: UTC}]", {"croniter", "dateutil", "tzdata"}),
        ("weather: [{rrule: FREQ=DAILY}]", {"dateutil"}),
    ],
)
def test_what_is_slow_to_import_waits_until_a_schedule_needs_it(text: str, loaded: set[str], root: Path) -> None:
    write(root, text)
    code = f"import sys; from stack.cli import main; main(sys.argv[1:]); print(*({SLOW} & sys.modules.keys()))"
    code = code.replace(str(SLOW), f"set({SLOW})")
    command = [sys.executable, "-c", code, "--output", str(root)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()[-1].split()) == loaded


def test_each_schedule_is_examined_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    examine = schedule.examine

    def counted(entry: object) -> tuple[dict[str, Any], list[str]]:
        seen.append(entry)
        return examine(entry)

    monkeypatch.setattr(schedule, "examine", counted)
    (tmp_path / "schedules.yml").write_text("weather: [{interval: 60}, {interval: 70}]\nflights: [{interval: 60}]\n")
    read = schedules.load(tmp_path / "schedules.yml", ["weather", "flights"])
    assert seen == [{"interval": 60}, {"interval": 70}, {"interval": 60}]
    assert {name: len(entries) for name, entries in read.items()} == {"weather": 2, "flights": 1}


def test_schedules_are_printed_in_their_zone_and_in_utc(root: Path, capsys: Capture) -> None:
    write(
        root, "weather:\n  - {slug: tokyo, cron: 0 6 * * *, timezone: Asia/Tokyo}\n  - {interval: 60, paused: true}\n"
    )
    (root / "client/deployments/mine.yaml").parent.mkdir(exist_ok=True)
    entries = "{rrule: FREQ=DAILY;COUNT=3, active: true}, {interval: 1, active: false}"
    mine = f"deployments: [{{name: mine, schedules: [{entries}]}}]"
    (root / "client/deployments/mine.yaml").write_text(mine, encoding="utf-8")
    assert main(["schedules", "--output", str(root), "--days", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "weather tokyo: cron 0 6 * * *, Asia/Tokyo"
    for line in lines[1:3]:
        assert line.split()[2:4] + line.split()[5:] == ["06:00:00", "+0900", "21:00:00Z"]
    assert lines[3:5] == ["weather[1]: interval 60 s, UTC (paused)", "mine[0]: rrule FREQ=DAILY;COUNT=3, UTC"]
    assert lines[5].startswith("  warning: rrule: 'FREQ=DAILY;COUNT=3': COUNT=3 is used up")
    assert lines[6].startswith("  no run until ")
    assert lines[7] == "mine[1]: interval 1 s, UTC (paused)"


def test_faults_of_deployment_files_are_shown_in_place_of_times(root: Path, capsys: Capture) -> None:
    (root / "client/deployments/mine.yaml").parent.mkdir(exist_ok=True)
    mine = "deployments: [{name: mine, schedules: [{cron: 0 0 6 * * 1, active: true}]}]"
    (root / "client/deployments/mine.yaml").write_text(mine, encoding="utf-8")
    assert main(["schedules", "--output", str(root)]) == 2
    assert capsys.readouterr().err == (
        "client/deployments/mine.yaml: mine[0].cron: '0 0 6 * * 1': Prefect takes the sixth field as the second; write "
        '"0 6 * * 1" if the first field is your second, or "0 0 6 * * 01" if the last is\n'
    )


def test_a_render_warns_and_writes(root: Path, capsys: Capture) -> None:
    write(root, "weather: [{rrule: FREQ=DAILY;UNTIL=20260301T000000}]")
    assert main(["--output", str(root)]) == 0
    assert capsys.readouterr().err == (
        "warning: schedules.yml: weather[0].rrule: 'FREQ=DAILY;UNTIL=20260301T000000': UNTIL was 2026-03-01 00:00: "
        "it never runs again; write a later UNTIL\n"
    )
