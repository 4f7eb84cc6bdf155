"""Faults of a registration that are seen without a server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registrar import register
from registrar.errors import RegistrarError
from registrar.moved import MOVED
from registrar.registration import Registration

FLOW = """
from prefect import flow

@flow
def count(days: int = 1, names: list[str] = []):
    pass
"""
STEP = "prefect.deployments.steps.set_working_directory"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("count.py").write_text(FLOW)
    yield


def faults(**keys: object) -> list[str]:
    wanted = Registration.model_validate(keys)
    return list(register.faults_here(wanted, register.load(wanted)))


def load_faults(*entries: dict[str, Any]) -> list[str]:
    write(*entries)
    with pytest.raises(RegistrarError) as raised:
        register.load(Registration(deployments=["prefect.yaml"]))
    return list(raised.value.lines)


def write(*entries: dict[str, Any]) -> None:
    """A deployment file. JSON is YAML."""
    whole = [{"name": "a", "work_pool": {"name": "p"}, "pull": [], **entry} for entry in entries]
    Path("prefect.yaml").write_text(json.dumps({"deployments": whole}))


def test_pool_templates_are_checked() -> None:
    Path("bad.json").write_text("{")
    Path("empty.json").write_text('{"variables": {}}')
    pools = [
        {"name": name, "type": "process", "base_job_template": f"{name}.json"} for name in ("none", "bad", "empty")
    ]
    assert faults(pools=pools) == [
        "pool none: base_job_template: none.json: no such file",
        "pool bad: base_job_template: bad.json: is not JSON: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "pool empty: base_job_template: empty.json: is not a base job template; "
        "it needs the keys 'job_configuration' and 'variables'",
    ]


def test_blocks_are_checked_against_their_types_and_no_value_is_printed() -> None:
    blocks = [
        {"type": "local-file-sytem", "name": "a"},
        {"type": "local-file-system", "name": "b", "values": {"basepat": "/srv"}},
        {"type": "local-file-system", "name": "c", "values": {"basepath": ["/srv"]}},
        {"type": "secret", "name": "d"},
        {"type": "docker-host", "name": "h", "values": {"timeout": "long"}},
        {"type": "docker-registry-credentials", "name": "e", "values": {"username": "u"}},
        {"type": "registrar-record", "name": "f"},
    ]
    assert [line.partition(" (known:")[0] for line in faults(blocks=blocks)] == [
        "block local-file-sytem/a: type: unknown block type; did you mean 'local-file-system'?",
        "block local-file-system/b: values.basepat: unknown key; did you mean 'basepath'?",
        "block local-file-system/c: values: expected str, bytes or os.PathLike object, not list",
        "block secret/d: values.value: is missing",
        "block docker-host/h: values.timeout: should be a valid integer, unable to parse string as an integer",
        "block docker-registry-credentials/e: values.password: is missing",
        "block docker-registry-credentials/e: values.registry_url: is missing",
        "block registrar-record/f: type: unknown block type",
    ]


def test_a_name_stands_once() -> None:
    write({"entrypoint": "count.py:count"}, {"entrypoint": "count.py:count"})
    found = faults(
        pools=[{"name": "p", "type": "process"}] * 2,
        concurrency_limits=[{"name": "l", "limit": 1}] * 2,
        blocks=[{"type": "secret", "name": "s", "values": {"value": "x"}}] * 2,
        deployments=["prefect.yaml"],
    )
    assert list(dict.fromkeys(found)) == [
        "pools: 'p' appears twice",
        "concurrency_limits: 'l' appears twice",
        "blocks: 'secret/s' appears twice",
        "deployments: 'count/a' appears twice",
    ]


def test_a_pattern_takes_every_file_that_fits_and_may_fit_none() -> None:
    Path("deployments").mkdir()
    for name in ("b", "a"):
        write({"name": name, "entrypoint": "count.py:count"})
        Path("prefect.yaml").rename(f"deployments/{name}.yaml")
    wanted = Registration(deployments=["deployments/*.yaml", "others/*.yaml"])
    assert [deployment.name for deployment in register.load(wanted)] == ["count/a", "count/b"]


def test_entrypoints_are_checked() -> None:
    Path("broken.py").write_text('raise OSError("no disk")')
    Path("syntax.py").write_text("def (")
    Path("plain.py").write_text("def count(): pass")
    entrypoints = ["none.py:x", "count.py:cuont", "count.py", "broken.py:f", "syntax.py:f", "plain.py:count"]
    assert load_faults(*({"entrypoint": entrypoint} for entrypoint in entrypoints)) == [
        "deployment a: entrypoint: none.py:x: no such file",
        "deployment a: entrypoint: count.py:cuont: the file has no flow 'cuont'",
        "deployment a: entrypoint: count.py: write path/to/file.py:function",
        "deployment a: entrypoint: broken.py:f: cannot be imported: OSError: no disk",
        "deployment a: entrypoint: syntax.py:f: cannot be imported: SyntaxError: invalid syntax (syntax.py, line 1)",
        "deployment a: entrypoint: plain.py:count: the file has no flow 'count'",
    ]


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_entrypoint_that_has_moved_is_named_with_its_new_place(old: str, new: str) -> None:
    assert load_faults({"entrypoint": f"{old}:launch"}, {"entrypoint": f"./{old}:launch"}) == [
        f"deployment a: entrypoint: {old}:launch: this flow has moved; write {new}:launch",
        f"deployment a: entrypoint: ./{old}:launch: this flow has moved; write {new}:launch",
    ]


def test_a_flow_may_import_what_only_its_workers_have() -> None:
    Path("count.py").write_text("import no_such_package\n" + FLOW)
    write({"entrypoint": "count.py:count", "parameters": {"day": 2}})
    assert faults(deployments=["prefect.yaml"]) == [
        "deployment count/a: parameters.day: the flow has no such parameter; did you mean 'days'? (known: days, names)"
    ]


def test_parameters_are_checked_against_the_flow() -> None:
    write(
        {"name": "a", "entrypoint": "count.py:count", "parameters": {"dyas": 2}},
        {"name": "b", "entrypoint": "count.py:count", "parameters": {"days": "two", "names": [1]}},
        {"name": "c", "entrypoint": "count.py:count", "schedules": [{"cron": "0 6 * * *", "parameters": {"names": 4}}]},
        {"name": "d", "entrypoint": "count.py:count", "parameters": {"days": "{{ prefect.variables.days }}"}},
        {"name": "e", "entrypoint": "count.py:count", "parameters": {"days": "x"}, "enforce_parameter_schema": False},
    )
    assert faults(deployments=["prefect.yaml"]) == [
        "deployment count/a: parameters.dyas: the flow has no such parameter; did you mean 'days'? "
        "(known: days, names)",
        "deployment count/b: parameters: days: 'two' is not of type 'integer'",
        "deployment count/b: parameters: names[0]: 1 is not of type 'string'",
        "deployment count/c: schedules[0].parameters: names: 4 is not of type 'array'",
    ]


def test_parameters_that_cannot_be_sent_are_refused() -> None:
    write({"entrypoint": "count.py:count", "parameters": {"days": 1}, "enforce_parameter_schema": False})
    Path("prefect.yaml").write_text(Path("prefect.yaml").read_text().replace('"days": 1', '"days": .nan'))
    assert faults(deployments=["prefect.yaml"]) == [
        "deployment count/a: parameters: a number is not finite (.nan or .inf); leave it out"
    ]


def test_pull_steps_must_exist_as_far_as_can_be_seen() -> None:
    names = [STEP, "prefect.deployments.steps.set_working_dir", "prefect.deploy.steps.x", "no_such_package.x", "step"]
    write({"entrypoint": "count.py:count", "pull": [{name: {"directory": "/srv"}} for name in names]})
    assert faults(deployments=["prefect.yaml"]) == [
        "deployment count/a: pull: prefect.deployments.steps.set_working_dir: there is no such step",
        "deployment count/a: pull: prefect.deploy.steps.x: there is no such step",
        "deployment count/a: pull: step: there is no such step",
    ]


@pytest.mark.parametrize(
    ("named", "lines"),
    [
        ("local-file-system/results", []),
        ("secret/key", ["'secret/key' cannot keep results; name a block with files, such as local-file-system"]),
        ("local-file-system/result", ["'local-file-system/result' is not TYPE/NAME of one of the blocks; "]),
        ("results", ["'results' is not TYPE/NAME of one of the blocks"]),
    ],
)
def test_results_are_kept_in_a_block_of_the_file_that_has_files(named: str, lines: list[str]) -> None:
    blocks = [
        {"type": "local-file-system", "name": "results", "values": {"basepath": "/srv/site/results"}},
        {"type": "secret", "name": "key", "values": {"value": "a"}},
    ]
    found = faults(blocks=blocks, result_storage=named)
    assert len(found) == len(lines)
    assert all(line.startswith(f"result_storage: {start}") for line, start in zip(found, lines, strict=True))
