"""Once at each start: waits for PostgreSQL and Redis, then brings the schema up to date.

The wait is here and not in Compose's health checks, whose interval would be added to every start. A login that
PostgreSQL refuses will be refused for ever: that is said in one line, and ends it. What does not answer at all ends it
too, after a while: otherwise `docker compose up` would wait for it for ever.

Importing Prefect takes as long as PostgreSQL takes to make a new database. So that goes on meanwhile, and the upgrade
runs in this process and not by `prefect server database upgrade`, which would import it afterwards.
"""

# ruff: noqa: E402  # the statements before the imports must run first

import asyncio
import gc
import os
import socket
import sys
import time

gc.disable()  # a fifth of an import; and this process does not live long enough to leave garbage

import asyncpg  # type: ignore[import-untyped]
from alembic.util import CommandError
from prefect.server.database import provide_database_interface

PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 5
# Compose starts it four times (`restart: on-failure:3`): ten minutes for an initdb on a slow disk.
WAIT_SECONDS = 150
# A wrong password or user, and a database that is not there.
REFUSALS = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
ADVICE = (
    "it keeps the database, user and password that it was made with, whatever .env says now; "
    "docs/operations.md, 'A database password was changed', has the commands to change it there"
)
NEWER = "most often a newer Prefect made the database: go back to its PREFECT_VERSION, or restore a backup"
LOGS = "`docker compose logs postgres redis` in server/ says why"


async def log_in() -> None:
    names = {key: os.environ[f"PREFECT_SERVER_DATABASE_{key.upper()}"] for key in ("host", "port", "user", "password")}
    database = os.environ["PREFECT_SERVER_DATABASE_NAME"]
    connection = await asyncpg.connect(**names, database=database, timeout=TIMEOUT_SECONDS)
    await connection.close()


def connect() -> None:
    asyncio.run(log_in())
    redis = (os.environ["PREFECT_REDIS_MESSAGING_HOST"], 6379)
    socket.create_connection(redis, timeout=TIMEOUT_SECONDS).close()


def wait() -> None:
    """Returns once both accept connections; prints each new reason why they do not."""
    last_reason = ""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connect()
            return
        except REFUSALS as error:
            sys.exit(f"PostgreSQL refuses this site: {error}; {ADVICE}")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) or type(error).__name__
        if reason != last_reason:
            print(f"waiting: {reason}", flush=True)
        if time.monotonic() > deadline:
            sys.exit(f"waited {WAIT_SECONDS:g} s for PostgreSQL and Redis: {reason}; {LOGS}")
        last_reason = reason
        time.sleep(PAUSE_SECONDS)


async def upgrade() -> None:
    """As the server does when it starts without this script."""
    await provide_database_interface().create_db()


def migrate() -> None:
    wait()
    print("bringing the schema up to date ...", flush=True)
    try:
        asyncio.run(upgrade())
    except CommandError as error:
        sys.exit(f"the schema cannot be brought up to date: {error}; {NEWER}")
    print("the schema is up to date", flush=True)


if __name__ == "__main__":
    migrate()
    # Nothing is left to do, and to take Prefect apart would cost the start about half a second.
    os._exit(0)
