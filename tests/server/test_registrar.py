"""The registrar against a real server: made, changed, left, removed."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type
from registrar.errors import RegistrarError

from tests.server.conftest import Folder, Server, wait_until

FLOW = '''
from prefect import flow

@flow(name="{flow}")
def count(days: int = 1, names: list[str] = []):
    """Counts days."""
'''
PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/site"}}]
DAILY = {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "slug": "daily"}
HOURLY = {"interval": 3600, "parameters": {"days": 2}}


def process_template() -> dict[str, Any]:
    template = asyncio.run(get_default_base_job_template_for_infrastructure_type("process"))
    assert template
    return template


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Every test has names of its own on the server that it shares with the others."""
    return str(request.node.name).removeprefix("test_")[:40].replace("_", "-").strip("-")


@pytest.fixture
def site(folder: Folder, name: str) -> Folder:
    """A registration with one of everything."""
    folder.write("flows/count.py", FLOW.format(flow=name))
    folder.write("pool.json", json.dumps(process_template()))
    write_registration(folder, name)
    write_deployment(folder, name)
    return folder


def write_registration(folder: Folder, name: str, **keys: Any) -> None:
    whole = {
        "owner": name,
        "publish": {"source": "flows", "target": str(folder.path / "site" / "flows")},
        "pools": [{"name": name, "type": "process", "base_job_template": "pool.json", "description": "One."}],
        "concurrency_limits": [{"name": name, "limit": 4}],
        "blocks": [{"type": "local-file-system", "name": name, "values": {"basepath": "/srv/site/results"}}],
        "deployments": ["prefect.yaml"],
    }
    folder.write("registration.yaml", {key: value for key, value in {**whole, **keys}.items() if value is not None})


def write_deployment(folder: Folder, name: str, **keys: Any) -> None:
    entry = {
        "name": "one",
        "entrypoint": "flows/count.py:count",
        "work_pool": {"name": name},
        "schedules": [DAILY, HOURLY],
        **keys,
    }
    folder.write("prefect.yaml", {"pull": PULL, "deployments": [entry]})


def deployment(server: Server, name: str) -> dict[str, Any]:
    return dict(server.api.get(f"/deployments/name/{name}/one").raise_for_status().json())


def schedules(server: Server, name: str) -> dict[str | None, dict[str, Any]]:
    return {schedule["slug"]: schedule for schedule in deployment(server, name)["schedules"]}


def basepath(server: Server, name: str) -> str:
    path = f"/block_types/slug/local-file-system/block_documents/name/{name}"
    return str(server.api.get(path).raise_for_status().json()["data"]["basepath"])


def everything(server: Server) -> dict[str, list[dict[str, Any]]]:
    """All that a registration could touch, with every id and time."""
    kinds = ["work_pools", "v2/concurrency_limits", "block_documents", "block_types", "block_schemas", "flows"]
    found = {kind: server.all(kind) for kind in [*kinds, "deployments", "variables"]}
    return {kind: sorted(things, key=lambda thing: str(thing["id"])) for kind, things in found.items()}


def test_the_first_run_makes_everything_and_says_so(site: Folder) -> None:
    done = site.register()
    assert (done.returncode, done.stderr) == (0, "")
    target = str(site.path / "site" / "flows")
    name = "the-first-run-makes-everything-and-says"
    width = max(len(target), len(f"local-file-system/{name}"))
    assert done.stdout == (
        f"KIND               {'NAME':{width}}  STATE\n"
        f"flow code          {target:{width}}  changed: 1 written\n"
        f"block              {f'local-file-system/{name}':{width}}  made\n"
        f"pool               {name:{width}}  made\n"
        f"concurrency limit  {name:{width}}  made\n"
        f"deployment         {f'{name}/one':{width}}  made\n"
        f"schedule           {f'{name}/one daily':{width}}  made\n"
        f"schedule           {f'{name}/one every 1:00:00':{width}}  made\n"
    )


def test_what_is_made_is_what_the_files_say(site: Folder, server: Server, name: str) -> None:
    limit = {"limit": 3, "collision_strategy": "CANCEL_NEW"}
    write_deployment(
        site, name, tags=["b", "a"], parameters={"days": 5}, concurrency_limit=limit, description="Counts.", version="7"
    )
    site.states()
    made = deployment(server, name)
    assert made["tags"] == ["b", "a"]
    assert made["parameters"] == {"days": 5}
    assert made["description"] == "Counts."
    assert made["version"] == "7"
    assert made["global_concurrency_limit"]["limit"] == 3
    assert made["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert made["pull_steps"] == PULL
    assert made["work_pool_name"] == name
    assert list(made["parameter_openapi_schema"]["properties"]) == ["days", "names"]
    assert schedules(server, name)["daily"]["schedule"]["timezone"] == "Europe/Berlin"
    assert schedules(server, name)[None]["parameters"] == {"days": 2}
    assert (server.named("work_pools", name) or {})["base_job_template"] == process_template()
    assert basepath(server, name) == "/srv/site/results"


def test_a_second_run_touches_nothing(site: Folder, server: Server, name: str) -> None:
    limit = {"limit": 3, "collision_strategy": "ENQUEUE", "grace_period_seconds": 600}
    write_deployment(site, name, concurrency_limit=limit, work_pool={"name": name, "work_queue_name": "q"})
    site.states()
    before = everything(server)
    assert set(site.states().values()) == {"left"}
    assert everything(server) == before


MANY_FLOWS = '''
from datetime import date, datetime, timedelta
from prefect import flow

@flow(name="{flow} bare")
def bare(): ...

@flow(name="{flow} empty")
def empty():
    """"""

@flow(name="{flow} long", version="7")
async def long(when: datetime = datetime(2026, 1, 1), far: timedelta = timedelta(hours=1), day: date | None = None):
    """Counts.

        And goes on.
    """
'''
# What is written in another way than the server keeps it, or left to its defaults.
WRITTEN: list[dict[str, Any]] = [
    {},
    {"description": ""},
    {"description": " Counts.\n\n", "version": ""},
    {"tags": ["b", "a", "b"], "paused": True, "enforce_parameter_schema": False},
    {"pull": [], "concurrency_limit": 3, "tags": [], "parameters": {}, "paused": False},
    {"concurrency_limit": {"limit": 2, "grace_period_seconds": 60}},
    {"concurrency_limit": {"limit": 2, "collision_strategy": "ENQUEUE"}},
    {"parameters": {"names": ["2026-01-01", "a"], "days": 1.0}, "enforce_parameter_schema": False},
    {"pull": [{"prefect.deployments.steps.pull_with_block": None}]},
    {
        "schedules": [
            {"interval": 5400.5, "anchor_date": "2026-01-01T00:00:00+05:30"},
            {"interval": "PT1H", "anchor_date": "2026-01-01", "timezone": "Europe/Berlin", "slug": "anchored"},
            {"interval": 7200, "timezone": "UTC"},
            {"cron": "@daily", "active": False},
            {"cron": "0 6 * * 1", "day_or": False, "slug": "weekly", "parameters": {"days": 1.0}},
            {"rrule": "FREQ=WEEKLY;BYDAY=MO", "timezone": "Europe/Berlin"},
            {"rrule": "DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "slug": "started"},
        ]
    },
]
WRITTEN_POOLS: list[dict[str, Any]] = [
    {"description": ""},
    {"description": None, "concurrency_limit": None},
    {"concurrency_limit": 0},
]
WRITTEN_LIMITS: list[dict[str, Any]] = [
    {"limit": 0},
    {"limit": 2, "slot_decay_per_second": 0.1},
    {"limit": 1, "slot_decay_per_second": 2},
]
WRITTEN_BLOCKS: list[dict[str, Any]] = [
    {"type": "secret", "values": {"value": "s"}},
    {"type": "secret", "values": {"value": {"a": [1, 2.0, None]}}},
    {"type": "local-file-system", "values": {}},
    {"type": "webhook", "values": {"url": "http://localhost:1/x", "method": "PUT", "headers": {"A": "b"}}},
    {"type": "remote-file-system", "values": {"basepath": "s3://bucket/a/", "settings": {"key": "k"}}},
]


def test_a_second_run_of_anything_touches_nothing(site: Folder, server: Server, name: str) -> None:
    """Whatever is left out, or written in another way than the server keeps it."""
    functions = ("bare", "empty", "long")
    site.write("flows/many.py", MANY_FLOWS.format(flow=name))
    entries = [{"entrypoint": f"flows/many.py:{each}", "work_pool": {"name": name}} for each in functions]
    entries += [{"entrypoint": "flows/count.py:count", "work_pool": {"name": name}, **more} for more in WRITTEN]
    numbered = [{"name": f"number-{number}", **entry} for number, entry in enumerate(entries)]
    site.write("prefect.yaml", {"pull": PULL, "deployments": numbered})

    def named(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"name": f"{name}-{number}", **thing} for number, thing in enumerate(things)]

    plain: dict[str, Any] = {"type": "process", "base_job_template": "pool.json"}
    pools = [plain | {"name": name}, *named([plain | pool for pool in WRITTEN_POOLS])]
    write_registration(site, name, pools=pools, concurrency_limits=named(WRITTEN_LIMITS), blocks=named(WRITTEN_BLOCKS))
    site.states()
    before = everything(server)
    bare = next(one for one in before["deployments"] if one["entrypoint"].endswith(":bare"))
    assert bare["description"] == ""
    assert {thing: state for thing, state in site.states().items() if state != "left"} == {}
    assert everything(server) == before


def test_what_changed_in_the_files_changes_on_the_server_and_nothing_else(
    site: Folder, server: Server, name: str
) -> None:
    site.states()
    ids = {schedule["id"] for schedule in schedules(server, name).values()}
    template = process_template()
    template["variables"]["properties"]["stream_output"]["default"] = False
    site.write("pool.json", json.dumps(template))
    write_registration(
        site,
        name,
        pools=[{"name": name, "type": "process", "base_job_template": "pool.json", "concurrency_limit": 9}],
        concurrency_limits=[{"name": name, "limit": 5}],
        blocks=[{"type": "local-file-system", "name": name, "values": {"basepath": "/elsewhere"}}],
    )
    write_deployment(
        site,
        name,
        tags=["new"],
        work_pool={"name": name, "job_variables": {"env": {"A": "1"}}, "work_queue_name": "q"},
        concurrency_limit=2,
        schedules=[{**DAILY, "cron": "0 7 * * *"}, HOURLY],
    )
    states = site.states()
    assert states == {
        f"flow code {site.path}/site/flows": "left",
        f"pool {name}": "changed: concurrency_limit, base_job_template",
        f"concurrency limit {name}": "changed: limit",
        f"block local-file-system/{name}": "changed: basepath",
        f"deployment {name}/one": "changed: tags, work_queue_name, job_variables, concurrency_limit",
        f"schedule {name}/one daily": "changed: schedule",
        f"schedule {name}/one every 1:00:00": "left",
    }
    pool = server.named("work_pools", name) or {}
    assert (pool["concurrency_limit"], pool["description"]) == (9, "One.")
    assert pool["base_job_template"] == template
    assert (server.named("v2/concurrency_limits", name) or {})["limit"] == 5
    assert basepath(server, name) == "/elsewhere"
    now = deployment(server, name)
    assert (now["tags"], now["job_variables"], now["work_queue_name"]) == (["new"], {"env": {"A": "1"}}, "q")
    assert now["global_concurrency_limit"]["limit"] == 2
    assert schedules(server, name)["daily"]["schedule"]["cron"] == "0 7 * * *"
    assert {schedule["id"] for schedule in schedules(server, name).values()} == ids
    assert set(site.states().values()) == {"left"}


def test_what_is_taken_back_in_the_files_is_taken_back(site: Folder, server: Server, name: str) -> None:
    write_deployment(site, name, tags=["a"], parameters={"days": 2}, concurrency_limit={"limit": 2}, description="One.")
    site.states()
    write_deployment(site, name)
    assert site.states()[f"deployment {name}/one"] == "changed: description, tags, parameters, concurrency_limit"
    now = deployment(server, name)
    assert (now["tags"], now["parameters"], now["description"]) == ([], {}, "Counts days.")
    assert now["global_concurrency_limit"] is None


def test_new_code_is_a_new_version(site: Folder, name: str) -> None:
    site.states()
    site.write("flows/count.py", FLOW.format(flow=name) + "\n# Better.\n")
    states = site.states()
    assert states[f"flow code {site.path}/site/flows"] == "changed: 1 written"
    assert states[f"deployment {name}/one"] == "changed: version"


def test_what_the_files_drop_is_removed_and_what_users_made_stays(site: Folder, server: Server, name: str) -> None:
    site.states()
    identity = deployment(server, name)["id"]
    extra = {"schedule": {"cron": "5 5 * * *"}, "active": True}
    server.api.post(f"/deployments/{identity}/schedules", json=[extra]).raise_for_status()
    server.api.post("/v2/concurrency_limits/", json={"name": f"{name}-mine", "limit": 1}).raise_for_status()

    write_deployment(site, name, schedules=[HOURLY])
    assert site.states()[f"schedule {name}/one daily"] == "removed"
    crons = [schedule["schedule"].get("cron") for schedule in deployment(server, name)["schedules"]]
    assert sorted(map(str, crons)) == ["5 5 * * *", "None"]

    write_registration(site, name, concurrency_limits=[], deployments=[])
    states = site.states()
    assert states[f"deployment {name}/one"] == "removed"
    assert states[f"concurrency limit {name}"] == "removed"
    assert server.api.get(f"/deployments/{identity}").status_code == 404
    assert server.named("v2/concurrency_limits", name) is None
    assert server.named("v2/concurrency_limits", f"{name}-mine")
    assert server.named("work_pools", name)
    assert not {f"deployment {name}/one", f"concurrency limit {name}"} & site.states().keys()


def test_what_users_removed_themselves_is_no_fault(site: Folder, server: Server, name: str) -> None:
    site.states()
    server.api.delete(f"/deployments/{deployment(server, name)['id']}").raise_for_status()
    server.api.delete(f"/v2/concurrency_limits/{name}").raise_for_status()
    write_registration(site, name, concurrency_limits=[], deployments=[])
    states = site.states()
    assert (states[f"deployment {name}/one"], states[f"concurrency limit {name}"]) == ("removed", "removed")


def test_owners_keep_their_hands_off_each_others_things(site: Folder, server: Server, name: str) -> None:
    site.states()
    write_registration(site, name, owner="somebody-else", concurrency_limits=[], deployments=[])
    assert not [state for state in site.states().values() if state == "removed"]
    assert deployment(server, name)


def test_a_schedule_paused_in_the_ui_stays_paused_until_the_file_changes_its_mind(
    site: Folder, server: Server, name: str
) -> None:
    site.states()
    identity, daily = deployment(server, name)["id"], schedules(server, name)["daily"]["id"]
    path = f"/deployments/{identity}/schedules/{daily}"
    server.api.patch(path, json={"active": False}).raise_for_status()
    assert site.states()[f"schedule {name}/one daily"] == "left"
    write_deployment(site, name, schedules=[{**DAILY, "cron": "0 9 * * *"}, HOURLY])
    assert site.states()[f"schedule {name}/one daily"] == "changed: schedule"
    assert schedules(server, name)["daily"]["active"] is False

    write_deployment(site, name, schedules=[{**DAILY, "active": False}, HOURLY])
    site.states()
    write_deployment(site, name, schedules=[{**DAILY, "active": True}, HOURLY])
    assert site.states()[f"schedule {name}/one daily"] == "changed: active"
    assert schedules(server, name)["daily"]["active"] is True


def test_a_deployment_paused_in_the_ui_stays_paused_until_the_file_changes_its_mind(
    site: Folder, server: Server, name: str
) -> None:
    write_deployment(site, name, paused=False)
    site.states()
    server.api.patch(f"/deployments/{deployment(server, name)['id']}", json={"paused": True}).raise_for_status()
    assert site.states()[f"deployment {name}/one"] == "left"
    assert deployment(server, name)["paused"] is True
    write_deployment(site, name, paused=True)
    assert site.states()[f"deployment {name}/one"] == "left"
    write_deployment(site, name, paused=False)
    assert site.states()[f"deployment {name}/one"] == "changed: paused"
    assert deployment(server, name)["paused"] is False


def test_a_recurrence_rule_is_left_although_the_server_gave_it_a_start(site: Folder, server: Server, name: str) -> None:
    weekly, often = {"rrule": "FREQ=WEEKLY;BYDAY=MO", "slug": "weekly"}, {"rrule": "FREQ=HOURLY;INTERVAL=7"}
    started = {"rrule": "DTSTART:20260101T060000\nRRULE:FREQ=DAILY"}
    write_deployment(site, name, schedules=[{**weekly, "timezone": "Asia/Tokyo"}, often, started])
    site.states()
    ids = {schedule["id"] for schedule in deployment(server, name)["schedules"]}
    assert set(site.states().values()) == {"left"}
    write_deployment(site, name, schedules=[{**weekly, "timezone": "Asia/Seoul"}, often, started])
    assert {key for key, state in site.states().items() if state != "left"} == {f"schedule {name}/one weekly"}
    assert {schedule["id"] for schedule in deployment(server, name)["schedules"]} == ids
    rule = schedules(server, name)["weekly"]["schedule"]
    assert rule == {"rrule": "DTSTART:20200101T000000\nFREQ=WEEKLY;BYDAY=MO", "timezone": "Asia/Seoul"}


def test_a_schedule_keeps_its_parameters_when_something_else_of_it_changes(
    site: Folder, server: Server, name: str
) -> None:
    daily: dict[str, Any] = {**DAILY, "parameters": {"days": 3}}
    write_deployment(site, name, schedules=[daily])
    site.states()
    for key, value, said in (("cron", "0 7 * * *", "schedule"), ("active", False, "active")):
        daily[key] = value
        write_deployment(site, name, schedules=[daily])
        assert site.states()[f"schedule {name}/one daily"] == f"changed: {said}"
        assert schedules(server, name)["daily"]["parameters"] == {"days": 3}


def test_a_renamed_schedule_stays_the_same_schedule(site: Folder, server: Server, name: str) -> None:
    site.states()
    before = schedules(server, name)["daily"]["id"]
    write_deployment(site, name, schedules=[{**DAILY, "slug": "morning", "replaces": "daily"}, HOURLY])
    assert site.states()[f"schedule {name}/one morning"] == "changed: slug"
    assert schedules(server, name)["morning"]["id"] == before
    assert set(site.states().values()) == {"left"}


def test_the_prefect_command_deploys_the_same_file_to_the_same_effect(site: Folder, server: Server, name: str) -> None:
    site.states()
    ours = deployment(server, name)
    server.api.delete(f"/deployments/{ours['id']}").raise_for_status()
    done = site.run("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", "prefect.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    states = site.states()
    assert states[f"deployment {name}/one"] == "left"
    assert states[f"schedule {name}/one daily"] == "left"
    assert states[f"schedule {name}/one every 1:00:00"] == "left"
    theirs = deployment(server, name)
    apart = {"id", "created", "updated", "schedules", "labels", "path"}
    assert {key: theirs[key] for key in theirs.keys() - apart} == {key: ours[key] for key in ours.keys() - apart}


def test_parameters_may_come_from_variables_and_blocks(site: Folder, server: Server, name: str) -> None:
    variable = name.replace("-", "_")
    server.api.post("/variables/", json={"name": variable, "value": 12}).raise_for_status()
    path = f"{{{{ prefect.blocks.local-file-system.{name}.basepath }}}}"
    write_deployment(
        site, name, parameters={"days": f"{{{{ prefect.variables.{variable} }}}}", "names": [path]}, schedules=[]
    )
    site.states()
    assert deployment(server, name)["parameters"] == {"days": 12, "names": ["/srv/site/results"]}
    assert set(site.states().values()) == {"left"}
    write_deployment(site, name, parameters={"names": ["{{ prefect.blocks.secret.no-such }}"]})
    with pytest.raises(RegistrarError) as raised:
        site.states()
    assert raised.value.lines == (f"deployment {name}/one: the server refused it (HTTP 404): Block document not found",)


def test_a_pool_without_a_template_has_its_types_own(site: Folder, server: Server, name: str) -> None:
    write_registration(site, name, pools=[{"name": name, "type": "process"}])
    site.states()
    assert (server.named("work_pools", name) or {})["base_job_template"] == process_template()
    changed = process_template()
    changed["variables"]["properties"]["stream_output"]["default"] = False
    server.api.patch(f"/work_pools/{name}", json={"base_job_template": changed}).raise_for_status()
    assert site.states()[f"pool {name}"] == "left"


def test_faults_that_only_the_server_knows_are_named_before_anything_is_made(
    site: Folder, server: Server, name: str
) -> None:
    server.api.post("/work_pools/", json={"name": name, "type": "docker"}).raise_for_status()
    pools = [{"name": name, "type": "process"}, {"name": f"{name}-2", "type": "procces"}]
    pools.append({"name": f"{name}-3", "type": "process"})
    write_registration(site, name, pools=pools)
    entry = {"entrypoint": "flows/count.py:count"}
    site.write(
        "prefect.yaml",
        {
            "pull": PULL,
            "deployments": [
                {**entry, "name": "a", "work_pool": {"name": "no-such-pool"}},
                {**entry, "name": "b", "work_pool": {"name": f"{name}-3", "job_variables": {"evn": {}}}},
                {
                    **entry,
                    "name": "c",
                    "work_pool": {"name": f"{name}-3"},
                    "parameters": {"days": "{{ prefect.variables.no_such }}"},
                },
            ],
        },
    )
    before = everything(server)
    done = site.register()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"pool {name}: is of type 'docker' on the server and 'process' in the file, and a pool keeps its type; "
        f"choose another name, or run: prefect work-pool delete {name}",
        f"pool {name}-2: type: 'procces' is unknown here; name a base_job_template, or install its package",
        f"deployment {name}/a: work_pool.name: there is no pool 'no-such-pool'; add it to pools",
        f"deployment {name}/b: work_pool.job_variables.evn: the pool {name}-3 has no such variable; "
        "did you mean 'env'? (known: command, env, labels, name, stream_output, working_dir)",
        f"deployment {name}/c: parameters: there is no variable 'no_such'; run: prefect variable set no_such VALUE",
    ]
    assert everything(server) == before
    assert not (site.path / "site").exists()


def test_faults_of_the_files_are_named_before_anything_is_made(site: Folder, server: Server, name: str) -> None:
    write_registration(site, name, deployments=["prefect.yaml", "none.yaml"])
    before = everything(server)
    done = site.register()
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "none.yaml: no such file\n")
    assert everything(server) == before
    assert not (site.path / "site").exists()


def test_a_refusal_of_the_server_is_one_line_below_what_was_done_before(
    site: Folder, server: Server, name: str
) -> None:
    write_deployment(site, name, work_pool={"name": name, "job_variables": {"stream_output": "perhaps"}})
    done = site.register()
    assert done.returncode == 1
    assert f"pool               {name} " in done.stdout
    assert "deployment" not in done.stdout
    [line] = done.stderr.splitlines()
    assert line == (
        f"deployment {name}/one: the server refused it (HTTP 422): Error creating deployment: Validation failed for "
        "field 'stream_output'. Failure reason: 'perhaps' is not valid under any of the given schemas"
    )
    write_deployment(site, name)
    assert site.states()[f"deployment {name}/one"] == "made"


def test_paths_are_relative_to_the_file(site: Folder, name: str) -> None:
    elsewhere = Folder(site.path / "elsewhere", site.server)
    elsewhere.path.mkdir()
    done = elsewhere.register("../registration.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    missing = elsewhere.register("nowhere/registration.yaml")
    assert (missing.returncode, missing.stderr) == (1, "nowhere/registration.yaml: no such file\n")


def test_help_teaches(folder: Folder) -> None:
    text = folder.register("--help").stdout
    assert "PREFECT_API_URL" in text and "A second run changes nothing" in text
    assert "--count" in folder.register("run", "--help").stdout


def test_a_block_has_another_by_reference(site: Folder, server: Server, name: str) -> None:
    """So a secret is kept once, and a new one is everybody's."""
    values = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    login = {"type": "aws-credentials", "name": name, "values": values}
    reference = f"{{{{ prefect.blocks.aws-credentials.{name} }}}}"
    results = {"type": "s3-bucket", "name": name, "values": {"bucket_name": "results", "credentials": reference}}
    write_registration(site, name, blocks=[login, results])
    names = [f"block {kind}/{name}" for kind in ("aws-credentials", "s3-bucket")]
    for state in ("made", "left"):
        states = site.states()
        assert [states[each] for each in names] == [state, state]

    path = f"/block_types/slug/s3-bucket/block_documents/name/{name}"
    document = server.api.get(path, params={"include_secrets": True}).raise_for_status().json()
    assert document["block_document_references"]["credentials"]["block_document"]["name"] == name

    values["aws_secret_access_key"] = "c"
    write_registration(site, name, blocks=[login, results])
    states = site.states()
    assert [states[each] for each in names] == ["changed: aws_secret_access_key", "left"]
    document = server.api.get(path, params={"include_secrets": True}).raise_for_status().json()
    assert document["data"]["credentials"]["aws_secret_access_key"] == "c"


def scheduled(server: Server, name: str) -> dict[str, datetime]:
    """The runs of a deployment that wait for their time, each with it."""
    only = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    runs = server.all("flow_runs", flows={"name": {"any_": [name]}}, flow_runs=only, limit=200)
    return {run["id"]: datetime.fromisoformat(run["next_scheduled_start_time"]) for run in runs}


def an_hour_late(server: Server, deployment_id: str) -> None:
    """The runs that are scheduled ahead, as a server leaves them whose clock goes wrong after a change of clocks."""
    form = "%Y-%m-%d %H:%M:%S.%f"
    with sqlite3.connect(Path(server.environment["PREFECT_HOME"]) / "prefect.db", timeout=60) as database:
        query = "SELECT id, next_scheduled_start_time, idempotency_key FROM flow_run WHERE deployment_id = ?"
        for identity, time, key in database.execute(query, [deployment_id]).fetchall():
            late = datetime.strptime(time, form) + timedelta(hours=1)
            words = " ".join([*key.split(" ")[:3], f"{late.replace(tzinfo=UTC)}"])
            values = [late.strftime(form), late.strftime(form), words, identity]
            update = "next_scheduled_start_time = ?, expected_start_time = ?, idempotency_key = ?"
            database.execute(f"UPDATE flow_run SET {update} WHERE id = ?", values)  # noqa: S608


def test_runs_that_an_earlier_version_scheduled_at_another_hour_are_removed(
    site: Folder, server: Server, name: str
) -> None:
    write_deployment(site, name, schedules=[DAILY])
    site.states()
    identity, log = deployment(server, name)["id"], Path(server.environment["PREFECT_HOME"]) / "server.log"
    wait_until(lambda: len(scheduled(server, name)) > 1, log)
    an_hour_late(server, identity)
    wrong = scheduled(server, name)
    start = {"start_time": datetime.now(UTC).isoformat(), "max_runs": 3, "min_runs": 3}
    server.api.post(f"/deployments/{identity}/schedule", json=start).raise_for_status()
    right = scheduled(server, name).keys() - wrong.keys()
    assert right, "a day has two runs"

    by_hand = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T05:00:00Z"}}
    answer = server.api.post(f"/deployments/{identity}/create_flow_run", json={"state": by_hand}).raise_for_status()
    moved = next(iter(right))
    server.api.post(f"/flow_runs/{moved}/set_state", json={"state": by_hand, "force": True}).raise_for_status()

    assert site.outcomes()[f"scheduled runs {name}/one"] == f"removed: {len(wrong)}"
    left = scheduled(server, name).keys()
    assert not left & wrong.keys()
    assert {answer.json()["id"], moved, *right} <= left
    assert f"scheduled runs {name}/one" not in site.outcomes()


def test_what_a_changed_schedule_had_scheduled_is_removed_and_counted(site: Folder, server: Server, name: str) -> None:
    write_deployment(site, name, schedules=[DAILY])
    site.states()
    log = Path(server.environment["PREFECT_HOME"]) / "server.log"
    wait_until(lambda: len(scheduled(server, name)) > 1, log)
    before = scheduled(server, name)
    write_deployment(site, name, schedules=[{**DAILY, "cron": "30 7 * * *"}])
    assert site.outcomes()[f"scheduled runs {name}/one"] == f"removed: {len(before)}"
    assert not scheduled(server, name).keys() & before.keys()


@pytest.mark.parametrize("left", [[], None], ids=["an empty list", "no list"])
def test_schedules_with_slugs_end_when_the_file_has_none(
    left: list[Any] | None, site: Folder, server: Server, name: str
) -> None:
    name = name.replace("[", "-").replace("]", "").replace(" ", "-")
    site.write("flows/count.py", FLOW.format(flow=name))
    write_registration(site, name)
    write_deployment(site, name, schedules=[DAILY, {**HOURLY, "slug": "hourly"}])
    site.states()
    write_deployment(site, name, schedules=left)
    states = site.states()
    assert {key: state for key, state in states.items() if key.startswith("schedule ")} == {
        f"schedule {name}/one daily": "removed",
        f"schedule {name}/one hourly": "removed",
    }
    assert deployment(server, name)["schedules"] == []


def test_the_servers_default_for_results_is_the_block_of_the_file(site: Folder, server: Server, name: str) -> None:
    other = {"type": "local-file-system", "name": f"{name}-2", "values": {"basepath": "/srv/site/results"}}
    block = other | {"name": name}
    try:
        for chosen, states in ((name, ("made", "left")), (f"{name}-2", ("changed: block", "left"))):
            wanted = f"local-file-system/{chosen}"
            write_registration(site, name, blocks=[block, other], result_storage=wanted)
            assert [site.states()[f"result storage {wanted}"] for _ in states] == list(states)
            set_now = server.api.get("/admin/storage").raise_for_status().json()["default_result_storage_block_id"]
            path = f"/block_types/slug/local-file-system/block_documents/name/{chosen}"
            assert set_now == server.api.get(path).raise_for_status().json()["id"]
        write_registration(site, name, blocks=[block, other])
        assert "result storage" not in " ".join(site.states())
    finally:
        server.api.delete("/admin/storage").raise_for_status()  # other tests' flows keep results elsewhere
