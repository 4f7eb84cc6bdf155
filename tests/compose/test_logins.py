"""Real logins to a real PostgreSQL and a real Redis, with the passwords that the rendered files give them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg  # type: ignore[import-untyped]
import psycopg
import pytest
import redis
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import SiteFactory
from tests.passwords import NASTY, drawn
from tests.sites import SiteUnderTest, free_ports

pytestmark = pytest.mark.engine

START_SECONDS = 300
SIDE_BY_SIDE = 2  # sites, since each of them is waited for again and again
PASSWORDS = ("".join(NASTY), *NASTY[:7], NASTY[9], *drawn(3, seed=7))
# Compose reads it by itself: the way in which a user publishes what a site keeps to itself.
OVERRIDE = """\
services:
  postgres: {{ports: ["127.0.0.1:{postgres}:5432"], networks: [data, site]}}
  redis: {{ports: ["127.0.0.1:{redis}:6379"]}}
"""
REFUSED = (
    'PostgreSQL refuses this site: password authentication failed for user "prefect"; '
    "it keeps the database, user and password that it was made with, whatever .env says now; "
    "docs/operations.md, 'A database password was changed', has the commands to change it there"
)
Result = TypeVar("Result")


class Databases:
    """PostgreSQL and Redis of a site, on ports of this machine."""

    def __init__(self, site: SiteUnderTest) -> None:
        self.site = site
        self.postgres_port, self.redis_port = free_ports(2)
        override = OVERRIDE.format(postgres=self.postgres_port, redis=self.redis_port)
        (site.root / "server/compose.override.yaml").write_text(override, encoding="utf-8")

    def start_anew(self, password: str) -> None:
        """Empty databases: PostgreSQL takes the password when its volume is new."""
        self.site.compose("server", "down", "--volumes", "--timeout=1")
        self.site.set(SERVER_DATABASE_PASSWORD=password, SERVER_REDIS_PASSWORD=password[::-1])
        self.site.render()
        self.site.compose("server", "up", "--detach", "postgres", "redis")

    def secret(self, name: str) -> str:
        return (self.site.root / "server/secrets" / name).read_bytes().decode()

    def user(self, password: str) -> str:
        """Who PostgreSQL says one is, after a login over the network: psycopg knows by heart what libpq does."""
        with self.connection(password) as connection:
            return str(connection.execute("select current_user").fetchone())

    def connection(self, password: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host="127.0.0.1", port=self.postgres_port, user="prefect", dbname="prefect", password=password
        )

    def user_of_asyncpg(self, password: str) -> str:
        """The same with the driver that Prefect uses."""

        async def ask() -> str:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=self.postgres_port, user="prefect", database="prefect", password=password
            )
            try:
                return str(await connection.fetchval("select current_user"))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def redis(self, password: str) -> Redis:
        """A client that takes the first answer: by itself it would ask again for seconds after a refusal."""
        once = Retry(NoBackoff(), 0)
        return Redis(host="127.0.0.1", port=self.redis_port, password=password, retry=once)

    def redis_of_docket(self) -> Redis:
        """By the URL that the rendered secret gives to docket, but for the host, which only containers know."""
        return Redis.from_url(
            self.secret("PREFECT_SERVER_DOCKET_URL").replace("@redis:6379/", f"@127.0.0.1:{self.redis_port}/")
        )


def until(attempt: Callable[[], Result], *not_yet: type[Exception]) -> Result:
    """The first result; the last error where there is none in time."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return attempt()
        except not_yet:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def test_every_password_logs_in(site_factory: SiteFactory, site_images: None) -> None:
    sites = [Databases(site_factory()) for _ in range(SIDE_BY_SIDE)]
    with ThreadPoolExecutor() as pool:
        parts = [PASSWORDS[number::SIDE_BY_SIDE] for number in range(SIDE_BY_SIDE)]
        assert sum(pool.map(log_in_with_each, sites, parts)) == len(PASSWORDS)


def log_in_with_each(databases: Databases, passwords: Sequence[str]) -> int:
    """One after the other; how many there were."""
    before = "none yet"
    for password in passwords:
        databases.start_anew(password)
        assert databases.secret("PREFECT_SERVER_DATABASE_PASSWORD") == password
        logs_in_to_postgres(databases, password, before)
        logs_in_to_redis(databases, password[::-1], before[::-1])
        before = password
    return len(passwords)


def logs_in_to_postgres(databases: Databases, password: str, other: str) -> None:
    assert until(lambda: databases.user(password), psycopg.OperationalError) == "('prefect',)", password
    assert databases.user_of_asyncpg(password) == "prefect", password
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        databases.user(other)


def logs_in_to_redis(databases: Databases, password: str, other: str) -> None:
    assert until(databases.redis(password).ping, redis.ConnectionError), password
    assert databases.redis_of_docket().ping(), password
    with pytest.raises(redis.AuthenticationError):
        databases.redis(other).ping()
    with pytest.raises(redis.AuthenticationError):
        databases.redis("").ping()


def test_the_site_itself_logs_in(site_factory: SiteFactory, site_images: None) -> None:
    """The health checks of both, and the migration with the environment that the image makes of the secrets."""
    site = site_factory(SERVER_DATABASE_PASSWORD="".join(NASTY), SERVER_REDIS_PASSWORD="".join(reversed(NASTY)))
    site.compose("server", "up", "--detach", "--wait", "postgres", "redis")
    assert "the schema is up to date" in site.compose("server", "run", "--rm", "migrate").stdout

    site.set(SERVER_DATABASE_PASSWORD="another")  # of which PostgreSQL knows nothing
    site.render_files()
    done = site.compose("server", "run", "--rm", "--no-TTY", "migrate", check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, REFUSED)


def test_a_changed_redis_password_counts_from_the_next_up(site_factory: SiteFactory, site_images: None) -> None:
    """The password is in a mounted file: without a digest in the container's labels `up` would see no change."""
    databases = Databases(site_factory(SERVER_REDIS_PASSWORD="the old one"))
    databases.site.compose("server", "up", "--detach", "redis")
    assert until(databases.redis("the old one").ping, redis.ConnectionError)
    databases.site.set(SERVER_REDIS_PASSWORD="the new one")
    databases.site.render_files()
    databases.site.compose("server", "up", "--detach", "redis")
    assert until(databases.redis("the new one").ping, redis.ConnectionError)
    with pytest.raises(redis.AuthenticationError):
        databases.redis("the old one").ping()
