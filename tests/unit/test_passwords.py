"""Any printable password gets through `.env` and into every file that carries it, byte for byte."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from redis import Redis

from stack.cli import main
from stack.core.errors import SiteError
from stack.core.quoting import redis_string, redis_url
from stack.load import envfile
from tests.passwords import NASTY, logins, passwords, redis_conf_password
from tests.unit.tree import tree

# A render takes milliseconds, and a busy machine makes of them what it likes.
thorough = settings(max_examples=300)
rendering = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(passwords)
@thorough
def test_a_value_reads_as_it_was_written(password: str) -> None:
    line = envfile.assignment_line("SERVER_REDIS_PASSWORD", password)
    env = envfile.parse(Path(".env"), f"{line}  # a comment\n# another\n")
    assert env.faults == ()
    assert env.values() == {"SERVER_REDIS_PASSWORD": password}


@pytest.mark.parametrize("password", NASTY)
def test_a_nasty_value_reads_as_it_was_written(password: str) -> None:
    line = envfile.assignment_line("SERVER_REDIS_PASSWORD", password)
    assert envfile.parse(Path(".env"), line).values() == {"SERVER_REDIS_PASSWORD": password}


@pytest.mark.parametrize("value", ["two\nlines", "two\r\nlines", "a\0b", "a\x1bb", "a\xa0b"])
def test_a_value_that_no_line_can_hold_is_a_fault(value: str) -> None:
    with pytest.raises(SiteError) as raised:
        envfile.assignment_line("SERVER_REDIS_PASSWORD", value)
    assert raised.value.faults == (
        "SERVER_REDIS_PASSWORD: this value cannot be written in a .env file; write printable characters",
    )


@given(passwords)
@example("".join(NASTY))
@thorough
def test_redis_and_its_clients_read_the_same(password: str) -> None:
    assert docket_password(redis_url(password, "redis").encode()) == password
    assert redis_conf_password(f"requirepass {redis_string(password)}") == password


@given(database=passwords, redis=passwords, login=logins)
@example(database="".join(NASTY), redis="".join(NASTY), login="admin:" + NASTY[2])
@example(database=NASTY[4], redis=NASTY[9], login=f"admin:{NASTY[3]}")
@example(database=NASTY[9], redis=NASTY[4], login="admin::")
@rendering
def test_the_rendered_files_carry_it(database: str, redis: str, login: str, tmp_path: Path) -> None:
    secrets = {
        "SERVER_DATABASE_PASSWORD": database,
        "SERVER_REDIS_PASSWORD": redis,
        "PREFECT_API_AUTH_STRING": login,
    }
    lines = [envfile.assignment_line(key, value) for key, value in secrets.items()]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    assert envfile.read(tmp_path / ".env").values() == secrets
    server = {path.name: path.read_bytes() for path in (tmp_path / "server/secrets").iterdir()}
    assert server["PREFECT_SERVER_DATABASE_PASSWORD"] == database.encode()
    assert server["PREFECT_REDIS_MESSAGING_PASSWORD"] == redis.encode()
    assert server["PREFECT_REDIS_WORKER_CLEANUP_QUEUE_PASSWORD"] == redis.encode()
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == login.encode()
    assert docket_password(server["PREFECT_SERVER_DOCKET_URL"]) == redis
    assert redis_conf_password(server["redis.conf"].decode()) == redis
    logins_ = [path.read_bytes() for path in tmp_path.rglob("PREFECT_API_AUTH_STRING")]
    assert logins_ == [login.encode()] * 4


# Files of their owner alone, beside those in folders of secrets.
CLOSED = {".env", ".site/profile/profiles.toml"}


@given(database=passwords, redis=passwords, login=logins)
@rendering
def test_no_other_file_depends_on_it(database: str, redis: str, login: str, tmp_path: Path) -> None:
    """Two sites that differ in nothing but their secrets differ in no file but those of secrets.

    A label and a variable tell with which secrets a container and a process were started: four digits a file, no more.
    """
    sites = []
    for name, secrets in (("one", (database, redis, login)), ("two", ("database", "redis", "admin:login"))):
        keys = ("SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD", "PREFECT_API_AUTH_STRING")
        lines = [envfile.assignment_line(key, value) for key, value in zip(keys, secrets, strict=True)]
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / ".env").write_text("\n".join(lines), encoding="utf-8")
        assert main(["--output", str(tmp_path / name)]) == 0
        files = {path: entry[2] for path, entry in tree(tmp_path / name).items() if path not in CLOSED}
        sites.append({path: without_digest(content) for path, content in files.items() if "/secrets/" not in path})
    assert sites[0] == sites[1]


def docket_password(url: bytes) -> str:
    return str(Redis.from_url(url.decode()).connection_pool.connection_kwargs["password"])


def without_digest(content: bytes) -> bytes:
    return re.sub(rb"""(site\.files: |SITE_FILES=)"(?:[0-9a-f]{4})+\"""", rb"\1", content)
