"""What is wrong with registration.yaml and the deployment files is said all at once, with what to write instead."""

import datetime
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prefect.cli.deploy._config import _load_deploy_configs_and_actions
from pydantic import TypeAdapter
from registrar import deployment_file, registration
from registrar.errors import RegistrarError
from rich.console import Console


def registration_faults(text: str) -> list[str]:
    Path("registration.yaml").write_text(text)
    with pytest.raises(RegistrarError) as raised:
        registration.read(Path("registration.yaml"))
    return [line.removeprefix("registration.yaml: ") for line in raised.value.lines]


def deployment_faults(text: str) -> list[str]:
    Path("prefect.yaml").write_text(text)
    with pytest.raises(RegistrarError) as raised:
        deployment_file.read(Path("prefect.yaml"))
    return [line.removeprefix("prefect.yaml: ") for line in raised.value.lines]


def schedule_faults(text: str) -> list[str]:
    entry = f"pull: []\ndeployments: [{{name: a, entrypoint: a.py:a, work_pool: {{name: p}}, schedules: [{text}]}}]"
    return [line.removeprefix("deployments[0].schedules[0]") for line in deployment_faults(entry)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_whole_format_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "p4ss: '\"")
    Path("registration.yaml").write_text(
        """
        owner: lab-2
        publish: {source: flows, target: /srv/site/flows}
        pools: [{name: agent_pool, type: process, concurrency_limit: null}]
        concurrency_limits: [{name: weather-stations, limit: 4}, {name: calls, limit: 9, slot_decay_per_second: 1.5}]
        blocks: [{type: secret, name: s, values: {value: "{{ $A_SECRET }}"}}]
        deployments: [prefect.yaml]
        """
    )
    read = registration.read(Path("registration.yaml"))
    assert read.blocks[0].values == {"value": "p4ss: '\""}
    assert read.pools[0].model_fields_set == {"name", "type", "concurrency_limit"}
    assert [limit.slot_decay_per_second for limit in read.concurrency_limits] == [0.0, 1.5]


def test_an_empty_mapping_asks_for_nothing() -> None:
    Path("registration.yaml").write_text("{}")
    assert registration.read(Path("registration.yaml")) == registration.Registration()


def test_every_fault_is_named_at_once() -> None:
    text = """
    owner: Site!
    pubish: {}
    pools: [{name: a, typ: process, concurrency_limit: -1}, {name: "", type: 5}]
    concurrency_limits: [{name: x, limit: "4"}]
    blocks: {}
    deployments: prefect.yaml
    """
    assert registration_faults(text) == [
        "owner: should match pattern '^[a-z0-9]+(-[a-z0-9]+)*$', and is 'Site!'",
        "pools[0].type: is missing",
        "pools[0].concurrency_limit: should be greater than or equal to 0, and is -1",
        "pools[0].typ: unknown key; did you mean 'type'? (known: "
        "base_job_template, concurrency_limit, description, name, type)",
        "pools[1].name: should have at least 1 character, and is ''",
        "pools[1].type: should be a valid string, and is 5; put it in quotes",
        "concurrency_limits[0].limit: should be a valid integer, and is '4'",
        "blocks: should be a valid list, and is {}",
        "deployments: should be a valid list, and is 'prefect.yaml'",
        "pubish: unknown key; did you mean 'publish'? (known: blocks, concurrency_limits, deployments, owner, pools, "
        "publish, push, result_storage)",
    ]


def test_an_unknown_key_like_no_other_lists_the_known_ones() -> None:
    assert registration_faults("publish: {source: a, target: b, zzz: c}") == [
        "publish.zzz: unknown key (known: beside, source, target)"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[]", "must be a mapping of keys to values"),
        ("", "must be a mapping of keys to values"),
        ("{", "line 1: expected the node content, but found '<stream end>'"),
        ("pools: []\npools: []\n", "line 2: the key pools appears twice"),
        ("pools: [{name: a, name: b, type: process}]", "line 1: the key name appears twice"),
        ("owner: '{{ $NO_SUCH }}'", "{{ $NO_SUCH }}: the environment has no variable NO_SUCH"),
        ("owner: !!python/name:os.system", "line 1: could not determine a constructor"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, line: str) -> None:
    assert [fault[: len(line)] for fault in registration_faults(text)] == [line]


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    Path("binary").write_bytes(b"\xff")
    for name, line in [
        ("none.yaml", "none.yaml: no such file"),
        ("binary", "binary: cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (str(tmp_path), f"{tmp_path}: cannot be read: [Errno 21] Is a directory: '{tmp_path}'"),
    ]:
        with pytest.raises(RegistrarError) as raised:
            registration.read(Path(name))
        assert raised.value.lines == (line,)


def test_a_deployment_takes_the_files_pull_steps_unless_it_has_its_own() -> None:
    Path("prefect.yaml").write_text(
        """
        prefect-version: 3.9.1
        pull: [{prefect.deployments.steps.set_working_directory: {directory: "{{ $LATER }}"}}]
        deployments:
          - {name: a, entrypoint: a.py:a, work_pool: {name: p}}
          - {name: b, entrypoint: b.py:b, work_pool: {name: p}, pull: []}
        """
    )
    deployments = deployment_file.read(Path("prefect.yaml"))
    # The worker fills in what a pull step takes from the environment.
    step = {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $LATER }}"}}
    assert [deployment.pull for deployment in deployments] == [[step], []]


def test_faults_of_deployments_are_named_at_once() -> None:
    text = """
    build: [{prefect_docker.deployments.steps.build_docker_image: {}}]
    deployments:
      - {name: a, entrypoint: a.py:a, work_pool: {name: p}}
      - {name: b, entrypoint: b.py:b, work_pool: {name: p}, pull: [], push: [{a.b: null}],
         schedules: [{cron: "0 6 * * *", slug: x}, {cron: "0 7 * * *", slug: x}]}
    """
    assert deployment_faults(text) == [
        "build, push: the registrar builds no images; leave them out, or use prefect deploy for this file",
        "deployment a: pull: is missing; say where workers find the code, or write [] where the image holds it",
        "deployment b: build, push: the registrar builds no images; leave them out",
        "deployment b: schedules: the slug 'x' appears twice",
    ]


def test_keys_that_prefect_would_ignore_are_refused() -> None:
    text = """
    pul: []
    deployments:
      - {name: a, entrypoit: a.py:a, tags: x, schedule: {}, work_pool: {nam: p}, concurrency_limit: {limt: 3}}
    """
    assert deployment_faults(text) == [
        "deployments[0].entrypoint: is missing",
        "deployments[0].work_pool.name: is missing",
        "deployments[0].work_pool.nam: unknown key; did you mean 'name'? (known: job_variables, name, work_queue_name)",
        "deployments[0].tags: should be a valid list, and is 'x'",
        "deployments[0].concurrency_limit.limit: is missing",
        "deployments[0].concurrency_limit.limt: unknown key; did you mean 'limit'? (known: "
        "collision_strategy, grace_period_seconds, limit)",
        "deployments[0].entrypoit: unknown key; did you mean 'entrypoint'?",
        "deployments[0].schedule: unknown key; did you mean 'schedules'?",
        "pul: unknown key; did you mean 'pull'? (known: build, definitions, deployments, name, "
        "prefect-version, pull, push)",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", ": has none of them; write exactly one of cron, interval, rrule"),
        (
            "{cron: '0 6 * * *', interval: 5, rrule: FREQ=DAILY}",
            ": has cron and interval and rrule; write exactly one of cron, interval, rrule",
        ),
        ("{cron: '0 6 * *'}", ': cron: Invalid cron string: "0 6 * *"'),
        ("{interval: -4}", ".interval: should be greater than 0 seconds, and is -4"),
        ("{interval: [5]}", ".interval: should be a valid timedelta, and is [5]"),
        ("{interval: 60, anchor_date: x}", ": interval: Unable to parse string [x]"),
        ("{rrule: FREQ=NEVER}", ": rrule: Invalid RRule string \"FREQ=NEVER\": invalid 'FREQ': NEVER"),
        (
            "{cron: '0 6 * * *', timezone: Mars/Base}",
            ': cron: Invalid timezone: "Mars/Base" (specify in IANA tzdata format, for example, America/New_York)',
        ),
        (
            "{cron: '0 6 * * *', time_zone: UTC}",
            ".time_zone: unknown key; did you mean 'timezone'? (known: active, "
            "anchor_date, cron, day_or, interval, parameters, replaces, rrule, slug, timezone)",
        ),
    ],
)
def test_a_bad_schedule_says_why(text: str, fault: str) -> None:
    assert schedule_faults(text) == [fault]


@pytest.mark.parametrize("interval", ["3600", "3600.0", "PT1H", "'01:00:00'"])
def test_an_interval_is_written_as_prefect_takes_it(interval: str) -> None:
    Path("prefect.yaml").write_text(
        f"pull: []\ndeployments: [{{name: a, entrypoint: a.py:a, work_pool: {{name: p}}, "
        f"schedules: [{{interval: {interval}}}]}}]"
    )
    [schedule] = deployment_file.read(Path("prefect.yaml"))[0].schedules or []
    assert schedule.timing().model_dump()["interval"] == datetime.timedelta(hours=1)


@pytest.mark.parametrize("limit", ["3", "{limit: 3}"])
def test_a_concurrency_limit_may_be_a_number(limit: str) -> None:
    Path("prefect.yaml").write_text(
        f"pull: []\ndeployments: [{{name: a, entrypoint: a.py:a, work_pool: {{name: p}}, concurrency_limit: {limit}}}]"
    )
    read = deployment_file.read(Path("prefect.yaml"))[0].concurrency_limit
    assert read and (read.limit, read.options) == (3, None)


def as_prefect_reads(text: str) -> dict[str, Any]:
    """The deployments that `prefect deploy` itself takes from the file, by name."""
    Path("prefect.yaml").write_text(text)
    complaints = StringIO()
    deployments, actions = _load_deploy_configs_and_actions(Path("prefect.yaml"), console=Console(file=complaints))
    assert complaints.getvalue() == ""
    return {one["name"]: {"pull": actions["pull"], **one} for one in deployments}


TAKEN = {
    "anchors and definitions": """
        definitions:
          tags: &tags [eks, nightly]
          hourly: &hourly {interval: 3600, timezone: UTC}
          pool: &pool {name: p, job_variables: {image: "a:1", env: {A: "1"}}}
        pull: []
        deployments:
          - {name: a, entrypoint: a.py:a, tags: *tags, work_pool: *pool, schedules: [*hourly]}
          - {name: b, entrypoint: b.py:b, work_pool: {<<: *pool, name: q}, schedules: [{<<: *hourly, slug: s}]}
        """,
    "merge keys of merge keys": """
        definitions:
          deeper:
            first: &first {work_pool: {name: p}, version: "1", entrypoint: a.py:a}
            second: &second {<<: *first, version: "2", tags: [x]}
        pull: []
        deployments:
          - {<<: *second, name: a, version: "3"}
          - {<<: [*second, *first], name: b}
          - <<: *first
            <<: *second
            name: c
        """,
    "dates": """
        pull: []
        deployments:
          - name: a
            entrypoint: a.py:a
            work_pool: {name: p, job_variables: {env: {DAY: 2026-01-01}}}
            parameters: {day: 2026-01-01, at: 2026-01-01 06:00:00, there: 2026-01-01T06:00:00+02:00}
          - name: b
            entrypoint: a.py:a
            work_pool: {name: p}
            parameters: {utc: 2026-01-01T06:00:00Z, part: 2026-01-01 6:00:00.25 -05:00}
        """,
    "numbers": """
        pull: []
        deployments:
          - {name: a, entrypoint: a.py:a, work_pool: {name: p}, parameters: {a: 0x1F, b: 1_000, c: 1.5e+3, d: -7, e: 0}}
        """,
    "single steps": """
        pull: {prefect.deployments.steps.set_working_directory: {directory: /x}}
        build: {}
        deployments:
          - {name: a, entrypoint: a.py:a, work_pool: {name: p}, build: null}
          - name: b
            entrypoint: a.py:a
            work_pool: {name: p}
            pull: {prefect.deployments.steps.git_clone: {repository: /y}}
        """,
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_what_prefect_deploy_takes_is_taken_with_the_same_meaning(text: str) -> None:
    theirs = as_prefect_reads(text)
    ours = deployment_file.read(Path("prefect.yaml"))
    assert [one.name for one in ours] == list(theirs)
    for one in ours:
        there = theirs[one.name]
        dumped = one.model_dump(mode="json", exclude_unset=True)
        schedules = [(each.get("interval"), each.get("slug")) for each in there.pop("schedules", [])]
        assert [(each.interval and each.interval.total_seconds(), each.slug) for each in one.schedules or []] == [
            (parsed_seconds(interval), slug) for interval, slug in schedules
        ]
        assert {key: dumped.get(key) for key in there} == there


def parsed_seconds(interval: Any) -> float:
    return TypeAdapter(timedelta).validate_python(interval).total_seconds()


def test_an_anchor_date_needs_no_quotes() -> None:
    Path("prefect.yaml").write_text(
        """
        pull: []
        deployments:
          - {name: a, entrypoint: a.py:a, work_pool: {name: p}, schedules: [{interval: 60, anchor_date: 2026-01-01}]}
          - name: b
            entrypoint: a.py:a
            work_pool: {name: p}
            flow_name: saved
            schedules: [{interval: 60, anchor_date: 2026-01-01 06:00:00+02:00}]
        """
    )
    anchors = [one.schedules and one.schedules[0].anchor_date for one in deployment_file.read(Path("prefect.yaml"))]
    assert anchors == ["2026-01-01", "2026-01-01T06:00:00+02:00"]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            "triggers: [{}]",
            "triggers, sla: the registrar makes neither; leave them out, or use prefect deploy",
        ),
        ("sla: [{}]", "triggers, sla: the registrar makes neither; leave them out, or use prefect deploy"),
        ("version_type: 'vcs:git'", "version_type: the registrar makes simple versions only; leave it out"),
    ],
)
def test_what_prefect_deploy_takes_and_the_registrar_does_not_is_told_with_the_reason(more: str, line: str) -> None:
    Path("prefect.yaml").write_text(
        f"pull: []\ndeployments: [{{name: a, entrypoint: a.py:a, work_pool: {{name: p}}, {more}}}]"
    )
    with pytest.raises(RegistrarError) as raised:
        deployment_file.read(Path("prefect.yaml"))
    assert raised.value.lines == (f"prefect.yaml: deployment a: {line}",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("definitions: {a: &a {x: 1, x: 2}}\ndeployments: [{<<: *a}]", "line 1: the key x appears twice"),
        ("deployments: &a [*a]", "not valid YAML: an anchor contains itself"),
        ("deployments: [*a]", "line 1: found undefined alias 'a'"),
        ("deployments: [{<<: 5}]", "line 1: expected a mapping or list of mappings for merging, but found scalar"),
    ],
)
def test_anchors_that_mean_nothing_are_refused(text: str, line: str) -> None:
    Path("prefect.yaml").write_text(text)
    with pytest.raises(RegistrarError) as raised:
        deployment_file.read(Path("prefect.yaml"))
    assert raised.value.lines == (f"prefect.yaml: {line}",)
