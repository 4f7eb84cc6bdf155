"""Every container has limits of its own for memory and logs: services of all kinds, flow and launched containers."""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import site
from stack.components.agent import POOLS
from stack.components.all import ALL, SETTINGS
from stack.core.errors import SiteError
from stack.core.repo import REPO
from stack.render import templates

EVERYTHING = ("COMPONENTS=all", f"AGENT_POOLS={' '.join(POOLS)}")
VARIANTS = list(product(("postgres", "sqlite"), ("true", "false"), ("true", "false")))
LOGGING = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
MAXIMUM = re.compile(r"[1-9][0-9]*[kmg]")


def plan(folder: Path, *lines: str) -> dict[str, bytes]:
    (folder / ".env").write_text("".join(f"{line}\n" for line in lines))
    return {file.path: file.content for file in site.load(folder / ".env", folder).plan}


def services(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """COMPONENT/SERVICE -> what its Compose file says, one-shot services included."""
    return {
        f"{component.name}/{name}": service
        for component in ALL
        if component.compose_path in files
        for name, service in yaml.safe_load(files[component.compose_path])["services"].items()
    }


@pytest.mark.parametrize(("database", "proxy", "rootless"), VARIANTS)
def test_every_service_has_limits(database: str, proxy: str, rootless: str, tmp_path: Path) -> None:
    chosen = (f"SERVER_DATABASE={database}", f"DOCKER_PROXY={proxy}", f"DIND_ROOTLESS={rootless}")
    found = services(plan(tmp_path, *EVERYTHING, *chosen))
    assert {"server/server", "agent/flows", "client/client", "worker-dind/dind", "worker-podman/podman"} <= found.keys()
    for name, service in found.items():
        assert MAXIMUM.fullmatch(service["mem_limit"]), name
        assert service["memswap_limit"] == service["mem_limit"], f"{name}: swap would double it"
        assert service["logging"] == LOGGING, name


def test_every_flow_container_has_limits(tmp_path: Path) -> None:
    files = plan(tmp_path, *EVERYTHING, "LOG_MAX_SIZE=1m", "LOG_MAX_FILES=2")
    found = [path for path in files if path.endswith(".json") and b"container_create_kwargs" in files[path]]
    assert len(found) == 6  # of three engines, for worker and registrar
    for path in found:
        job = json.loads(files[path])["job_configuration"]
        assert job["container_create_kwargs"]["log_config"] == {
            "Type": "json-file",
            "Config": {"max-size": "1m", "max-file": "2"},
        }
        assert job["mem_limit"] == "{{ mem_limit }}"
        env = json.loads(files[path])["variables"]["properties"]["env"]["default"]
        assert (env["SITE_LAUNCH_MEMORY"], env["SITE_LOG_OPTIONS"]) == ("8g", "max-size=1m,max-file=2")


def test_an_engine_in_a_container_bounds_logs_by_itself(tmp_path: Path) -> None:
    (command,) = (each["command"] for name, each in services(plan(tmp_path, *EVERYTHING)).items() if "/dind" in name)
    assert {"--log-opt=max-size=10m", "--log-opt=max-file=3"} <= set(command)


def test_limits_are_chosen_by_service_and_for_one_component(tmp_path: Path) -> None:
    chosen = "MEMORY_LIMITS=worker=3g, agent/worker=16g, postgres=512m"
    found = services(plan(tmp_path, *EVERYTHING, chosen))
    wanted = {
        "agent/worker": "16g",
        "worker-docker/worker": "3g",
        "worker-dind/worker": "3g",
        "server/postgres": "512m",
    }
    assert {name: found[name]["mem_limit"] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("postgress=1g", "there is no service postgress (did you mean postgres?)"),
        ("postgres=1", "postgres: memory is written as a whole number and k, m or g"),
        ("postgres=1m", "postgres: engines refuse a container with less than 6m"),
        ("postgres", "a limit is written NAME=VALUE, several are separated by commas"),
        ("postgres=1g,postgres=2g", "a limit is given twice"),
    ],
)
def test_a_wrong_limit_is_refused(value: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SiteError) as refused:
        plan(tmp_path, f"MEMORY_LIMITS={value}")
    example = "write for example MEMORY_LIMITS=postgres=4g,agent/worker=16g"
    assert refused.value.faults == (f".env:1: MEMORY_LIMITS={value}: {reason}; {example}",)


def test_a_service_without_limits_does_not_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "compose.yaml.j2").write_text("services:\n  fresh: {image: x}\n")
    monkeypatch.setattr(templates, "ROOT", tmp_path)
    monkeypatch.setattr(templates, "COMPILED", tmp_path / "compiled")
    templates._environment.cache_clear()
    try:
        with pytest.raises(SiteError) as refused:
            templates.render("new/compose.yaml.j2", {})
    finally:
        templates._environment.cache_clear()
    assert str(refused.value).startswith(
        "templates/new/compose.yaml.j2: the service fresh has no mem_limit and no logging; write "
    )


def test_the_page_has_the_defaults() -> None:
    page = (REPO / "docs" / "operations.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z-]+/[a-z-]+)` \| ([0-9]+[kmg]) \|", page, re.MULTILINE))
    settings = SETTINGS.defaults()
    defaults = {
        f"{component.name}/{name}": size if isinstance(size, str) else size(settings)
        for component in ALL
        for name, size in component.memory.items()
    }
    assert told == defaults


def test_connections_of_docket_to_redis_are_pinged(tmp_path: Path) -> None:
    """Without the ping a lost Redis stops Docket's event loop and takes 30 MB a second (redis-py 8.1, Docket 0.27)."""
    url = plan(tmp_path, "COMPONENTS=server")["server/secrets/PREFECT_SERVER_DOCKET_URL"].decode()
    assert url.endswith("@redis:6379/0?health_check_interval=5")
