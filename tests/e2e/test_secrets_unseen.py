"""No secret of `.env` can be read by somebody who may ask the engine, list processes or see the rendered files."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from stack.components.all import KEYS
from stack.load import envfile
from tests.e2e import running
from tests.sites import SiteUnderTest, docker

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def secrets(site: SiteUnderTest) -> dict[str, str]:
    """Every way in which a secret of the site may be written -> its setting."""
    env = site.env
    return {form: key for key in env if KEYS[key].secret for form in forms(env[key])}


def forms(secret: str) -> Iterator[str]:
    """As it is, without the user's name, in `.env`, in a URL, in JSON, and as a login goes over the wire."""
    for text in (secret, secret.partition(":")[2] or secret):
        yield text
        yield envfile.assignment_line("X", text).removeprefix("X=")
        yield quote(text, safe="")
        yield quote(text)
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield base64.b64encode(text.encode()).decode()


def leaked(secrets: dict[str, str], text: str) -> set[str]:
    return {key for form, key in secrets.items() if form in text}


def test_the_secrets_are_what_is_looked_for(site: SiteUnderTest, secrets: dict[str, str]) -> None:
    names = {"PREFECT_API_AUTH_STRING", "SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD"}
    assert leaked(secrets, (site.root / ".env").read_text()) == names
    mounted = "".join(path.read_text() for path in (site.root / "server/secrets").iterdir())
    assert leaked(secrets, mounted) == names


def test_no_container_shows_one(site: SiteUnderTest, secrets: dict[str, str]) -> None:
    containers = running.containers(site)
    assert len(containers) >= 7
    assert not leaked(secrets, json.dumps(containers))
    assert not leaked(secrets, json.dumps(containers, ensure_ascii=False))


def test_no_log_shows_one(site: SiteUnderTest, secrets: dict[str, str]) -> None:
    logs = "".join(site.compose(component, "logs", "--no-color").stdout for component in ("server", "agent"))
    assert "ProcessWorker" in logs
    assert not leaked(secrets, logs)


def test_no_process_list_shows_one(site: SiteUnderTest, secrets: dict[str, str]) -> None:
    lists = "".join(docker("top", one["Id"], "-eo", "pid,args") for one in running.containers(site, "status=running"))
    assert "redis-server" in lists
    assert not leaked(secrets, lists)


def test_no_rendered_file_shows_one(site: SiteUnderTest, secrets: dict[str, str]) -> None:
    files = [path for path in site.root.rglob("*") if path.is_file() and path.parent.name != "secrets"]
    for closed in (".env", ".site/profile/profiles.toml"):
        files.remove(site.root / closed)
    assert len(files) > 20
    assert not [path for path in files if leaked(secrets, path.read_text())]


def test_files_with_secrets_are_closed_to_others(site: SiteUnderTest) -> None:
    assert (site.root / ".env").stat().st_mode & 0o777 == 0o600
    assert (site.root / ".site/profile/profiles.toml").stat().st_mode & 0o777 == 0o600
    folders = [path for path in site.root.rglob("secrets") if path.is_dir()]
    assert len(folders) == 4
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
