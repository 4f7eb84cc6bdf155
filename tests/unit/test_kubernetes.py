"""The values for Prefect's Helm charts: what became of each setting, and no secret in them."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect.settings
import prefect_redis.client  # type: ignore[import-untyped]
import pytest
import redis
import yaml
from hypothesis import given
from sqlalchemy.engine import make_url

from stack.cli import main
from stack.components.all import SETTINGS
from stack.components.kubernetes import image
from stack.render import kubernetes
from stack.render.nouns import nouns
from tests.passwords import passwords
from tests.unit.parsed import parse
from tests.unit.tree import tree

Capture = pytest.CaptureFixture[str]
SECRETS = {
    "PREFECT_API_AUTH_STRING": "admin:a-login-that-stands-nowhere",
    "SERVER_DATABASE_PASSWORD": "database-password-that-stands-nowhere",
    "SERVER_REDIS_PASSWORD": "redis-password-that-stands-nowhere",
}
REMOTE = {"COMPONENTS": "agent", "PREFECT_API_URL": "https://prefect.example.org/api"}
VARIANTS: tuple[dict[str, str], ...] = (
    {},
    {"COMPONENTS": "server"},
    {"COMPONENTS": "all", "SERVER_RETENTION_DAYS": "0"},
    {"SERVER_DATABASE": "sqlite"},
    {"SERVER_AUTH": "false"},
    {"SERVER_AUTH": "false", "SERVER_DATABASE": "sqlite"},
    REMOTE,
    REMOTE | {"SERVER_AUTH": "false"},
    {"KUBERNETES_IMAGE": "registry.example.org:5000/lab/flows:3.9.1-1", "SITE": "a" * 40},
)
variants = pytest.mark.parametrize("variant", VARIANTS, ids=str)
IMAGE = (
    "Prefect's charts need a tag that begins with its version, 3.9.1, and no digest; write for example "
    "KUBERNETES_IMAGE=registry.example.org/flows:3.9.1-1"
)


def rendered(**given: str) -> dict[str, str]:
    """The files of kubernetes/, by their path below it."""
    site = parse(SECRETS | {"SITE": "als", "KUBERNETES_VALUES": "true"} | given)
    files = kubernetes.files(site, nouns(site) | {"schedules": {}})
    return {file.path.removeprefix("kubernetes/"): file.content.decode() for file in files}


def server(**given: str) -> dict[str, Any]:
    return dict(yaml.safe_load(rendered(**given)["prefect-server.values.yaml"]))


def worker(**given: str) -> dict[str, Any]:
    return dict(yaml.safe_load(rendered(**given)["prefect-worker.values.yaml"])["worker"])


def secrets(files: dict[str, str]) -> dict[str, str]:
    return {path.removeprefix("secrets/"): text for path, text in files.items() if path.startswith("secrets/")}


def environments(value: Any) -> Iterator[list[dict[str, Any]]]:
    """Every list of variables, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("env", "extraEnvVars"):
                yield inner
            else:
                yield from environments(inner)


def test_it_is_not_rendered_unasked(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path / "site")]) == 0
    assert not (tmp_path / "site/kubernetes").exists()


def test_it_comes_and_goes_with_its_setting(tmp_path: Path, capsys: Capture) -> None:
    env = tmp_path / ".env"
    env.write_text("KUBERNETES_VALUES=true\n", encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    folder = tmp_path / "kubernetes"
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    assert main(["--output", str(tmp_path), "--check"]) == 0
    env.write_text(env.read_text(encoding="utf-8").replace("VALUES=true", "VALUES=false"), encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    assert "gone    kubernetes/prefect-server.values.yaml\n" in capsys.readouterr().out
    assert not folder.exists()


@variants
def test_no_secret_stands_in_values(variant: dict[str, str]) -> None:
    files = rendered(**variant)
    parts = [part for secret in SECRETS.values() for part in secret.split(":")[-1:]]
    values = {path: text for path, text in files.items() if path not in {f"secrets/{key}" for key in secrets(files)}}
    assert values
    assert not [path for path, text in values.items() if any(part in text for part in parts)]


@variants
def test_every_secret_that_is_asked_for_is_rendered_and_no_other(variant: dict[str, str]) -> None:
    """By the names under which docs/kubernetes.md makes them."""
    files = rendered(**variant)
    site = variant.get("SITE", "als")
    values = "".join(text for path, text in files.items() if path.endswith(".yaml"))
    asked = set(re.findall(rf'"({site}-(?:login|environment))"', values))
    made = secrets(files)
    keys = {"login": "auth-string", "environment": "connection-string"}
    assert asked == {f"{site}-{name}" for name, key in keys.items() if key in made}


@variants
def test_every_variable_is_one_that_prefect_knows_and_stands_once(variant: dict[str, str]) -> None:
    files = rendered(**variant)
    documents = [yaml.safe_load(text) for path, text in files.items() if path.endswith(".yaml")]
    lists = [names(each) for document in documents for each in environments(document)]
    assert lists
    assert all(count == 1 for each in lists for count in Counter(each).values())
    variables = {name for each in lists for name in each} | {key for key in secrets(files) if key.isupper()}
    ours = {"SITE_HOME", "PYTHONPATH"}
    unknown = [name for name in variables - ours if not hasattr(prefect.settings, name) and not of_redis(name)]
    assert unknown == []


def names(variables: list[dict[str, Any]]) -> list[str]:
    return [variable["name"] for variable in variables]


def of_redis(name: str) -> bool:
    return any(
        name.removeprefix(prefix).lower() in prefect_redis.client.RedisMessagingSettings.model_fields
        for prefix in ("PREFECT_REDIS_MESSAGING_", "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_")
    )


@given(passwords, passwords)
def test_any_password_is_the_same_for_who_reads_the_urls(database: str, cache: str) -> None:
    made = secrets(rendered(SERVER_DATABASE_PASSWORD=database, SERVER_REDIS_PASSWORD=cache))
    url = make_url(made["connection-string"])
    assert (url.drivername, url.username, url.password) == ("postgresql+asyncpg", "prefect", database)
    assert (url.host, url.port, url.database) == ("postgres", 5432, "prefect")
    assert redis_password(made["PREFECT_SERVER_DOCKET_URL"]) == cache
    assert made["PREFECT_REDIS_MESSAGING_PASSWORD"] == cache


def redis_password(url: str) -> str:
    return str(redis.Redis.from_url(url).connection_pool.connection_kwargs["password"])


def test_settings_of_the_server_become_its_values() -> None:
    values = server(
        SERVER_WORKERS="3",
        KUBERNETES_REDIS_HOST="redis.example.org",
        SERVER_UI_API_URL="https://prefect.example.org/api",
        SERVER_RETENTION_DAYS="1",
    )
    assert values["fullnameOverride"] == "als-server"
    assert values["server"]["replicaCount"] == 3
    assert values["server"]["uiConfig"] == {"prefectUiApiUrl": "https://prefect.example.org/api"}
    assert values["server"]["basicAuth"] == {"enabled": True, "existingSecret": "als-login"}
    assert values["backgroundServices"]["messaging"] == {"redis": {"host": "redis.example.org", "port": 6379}}
    assert values["secret"] == {"create": False, "name": "als-environment"}
    variables = {one["name"]: one["value"] for one in values["global"]["prefect"]["env"]}
    assert variables["PREFECT_REDIS_WORKER_CLEANUP_QUEUE_HOST"] == "redis.example.org"
    assert variables["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] == "86400"
    assert (values["postgresql"], values["redis"]) == ({"enabled": False}, {"enabled": False})


def test_a_site_on_sqlite_needs_no_secret_but_the_login() -> None:
    values = server(SERVER_DATABASE="sqlite")
    assert values["sqlite"] == {"enabled": True}
    assert not {"backgroundServices", "secret"} & values.keys()
    assert set(secrets(rendered(SERVER_DATABASE="sqlite"))) == {"auth-string"}
    assert "basicAuth" not in server(SERVER_DATABASE="sqlite", SERVER_AUTH="false")["server"]


def test_settings_of_the_agent_become_values_of_the_worker() -> None:
    values = worker(AGENT_REPLICAS="3", AGENT_LIMIT="7", AGENT_QUERY_SECONDS="5", AGENT_POOL="beam")
    assert values["replicaCount"] == 3
    config = {"type": "process", "workPool": "beam", "limit": 7, "queryInterval": 5, "installPolicy": "never"}
    assert values["config"] == config
    assert (values["apiConfig"], values["selfHostedServerApiConfig"]) == (
        "selfHostedServer",
        {"apiUrl": "http://als-server:4200/api", "basicAuth": {"enabled": True, "existingSecret": "als-login"}},
    )


def test_workers_alone_call_the_server_that_the_site_names() -> None:
    files = rendered(**REMOTE)
    assert set(files) == {"prefect-worker.values.yaml", "secrets/auth-string"}
    assert worker(**REMOTE)["selfHostedServerApiConfig"]["apiUrl"] == REMOTE["PREFECT_API_URL"]


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("", "prefecthq/prefect", "3.9.1-python3.11"),
        ("registry.example.org:5000/lab/flows:3.9.1", "registry.example.org:5000/lab/flows", "3.9.1"),
    ],
)
def test_all_pods_have_the_same_image(image: str, repository: str, tag: str) -> None:
    wanted = {"repository": repository, "prefectTag": tag}
    assert server(KUBERNETES_IMAGE=image)["global"]["prefect"]["image"] == wanted
    assert worker(KUBERNETES_IMAGE=image)["image"] == wanted


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("KUBERNETES_IMAGE=lab/flows:1.0", f".env:1: KUBERNETES_IMAGE=lab/flows:1.0: {IMAGE}"),
        (
            f"KUBERNETES_IMAGE=lab/flows:3.9.1@sha256:{'0' * 64}",
            f".env:1: KUBERNETES_IMAGE=lab/flows:3.9.1@sha256:{'0' * 64}: {IMAGE}",
        ),
        (
            "KUBERNETES_VALUES=true\nCOMPONENTS=registry client\nPREFECT_API_URL=http://a.example.org/api\n"
            "PREFECT_API_AUTH_STRING=a:b",
            ".env:1: KUBERNETES_VALUES=true: there are charts only for server and agent; add one to COMPONENTS, or "
            "write false; write for example KUBERNETES_VALUES=false",
        ),
        (
            "KUBERNETES_DATABASE_HOST=127.0.0.1",
            ".env:1: KUBERNETES_DATABASE_HOST=127.0.0.1: inside a container 127.0.0.1 is the container itself; write "
            "the address of the server; write for example "
            "KUBERNETES_DATABASE_HOST=postgres.databases.svc.cluster.local",
        ),
    ],
)
def test_what_cannot_be_is_refused(text: str, fault: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    before = tree(tmp_path)
    assert main(["--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [fault]
    assert tree(tmp_path) == before


def test_the_default_image_is_of_the_sites_version() -> None:
    assert image(SETTINGS.defaults()).startswith(f"prefecthq/prefect:{SETTINGS.defaults().PREFECT_VERSION}-")
