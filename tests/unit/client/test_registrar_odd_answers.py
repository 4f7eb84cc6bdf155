"""What people changed on the server into another form is named, and the registration goes on."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prefect.client.orchestration import SyncPrefectClient
from registrar import record
from registrar.deployment import FlowDeployment, check_job_variables
from registrar.errors import RegistrarError
from registrar.pool import template
from registrar.record import Record, RegistrarRecord
from registrar.registration import Pool

Capture = pytest.CaptureFixture[str]


def deployment(**job_variables: Any) -> FlowDeployment:
    pool = SimpleNamespace(name="odd", job_variables=job_variables)
    return cast(FlowDeployment, SimpleNamespace(name="a/b", entry=SimpleNamespace(work_pool=pool)))


@pytest.mark.parametrize("template", [{"variables": ["image"]}, {"variables": {"properties": ["image"]}}, {}])
def test_the_variables_of_an_odd_pool_are_not_checked(template: dict[str, Any], capsys: Capture) -> None:
    assert list(check_job_variables(deployment(image="x"), template)) == []
    assert capsys.readouterr().err == (
        "deployment a/b: work_pool.job_variables are not checked: the base job template of the pool odd has no "
        "variables that can be read\n"
    )


def test_a_pool_without_variables_has_none(capsys: Capture) -> None:
    (line,) = check_job_variables(deployment(image="x"), {"variables": {}})
    assert line == "deployment a/b: work_pool.job_variables.image: the pool odd has no such variable (known: none)"


@pytest.mark.parametrize("variables", [["image"], None, {"properties": ["image"]}])
def test_an_odd_template_in_a_file_is_a_fault(tmp_path: Path, variables: Any) -> None:
    path = tmp_path / "pool.json"
    path.write_text(json.dumps({"job_configuration": {}, "variables": variables}))
    with pytest.raises(RegistrarError) as refused:
        template(Pool(name="p", type="process", base_job_template=str(path)))
    (line,) = refused.value.lines
    where = f"pool p: base_job_template: {path}"
    assert line == f"{where}: variables: must be a JSON schema, an object with an object 'properties'"


class Client:
    def read_block_document_by_name(self, *_: str) -> None:
        """There is one."""


def test_a_record_that_somebody_changed_begins_anew(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(RegistrarRecord, "load", lambda _: RegistrarRecord(limits=cast(list[str], "three")))
    assert record.load(cast(SyncPrefectClient, Client()), "site") == RegistrarRecord()
    assert capsys.readouterr().err == (
        "block registrar-record/site: somebody changed the registrar's record, and it begins a new one: what earlier "
        "registrations made and the files no longer name stays; remove it by hand\n"
    )


def test_schedules_of_another_form_in_the_record_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    known = RegistrarRecord(deployments={"a/b": {"schedules": ["x"]}})
    monkeypatch.setattr(record, "load", lambda *_: known)
    found = Record(cast(SyncPrefectClient, Client()), "site").deployment("a/b")
    assert found == {"paused": None, "schedules": {}}
