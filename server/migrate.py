"""Once at each start: waits for PostgreSQL and Redis, then brings the schema up to date.

The wait is here and not in Compose's health checks, whose interval would be added to every start. A login that
PostgreSQL refuses will be refused for ever: that is said in one line, and ends it.
"""

import asyncio
import os
import socket
import sys
import time

import asyncpg  # type: ignore[import-untyped]

PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 5
UPGRADE = ("prefect", "server", "database", "upgrade", "-y")
# A wrong password or user, and a database that is not there.
REFUSALS = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
ADVICE = (
    "it keeps the database, user and password that it was made with, whatever .env says now; "
    "docs/troubles.md, 'A database password was changed', says how to tell it"
)


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
    """Returns once both take connections; tells each reason why they do not when it comes up."""
    told = ""
    while True:
        try:
            connect()
            return
        except REFUSALS as error:
            sys.exit(f"PostgreSQL refuses this site: {error}; {ADVICE}")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) or type(error).__name__
        if reason != told:
            print(f"waiting: {reason}", flush=True)
        told = reason
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    wait()
    os.execvp(UPGRADE[0], UPGRADE)  # noqa: S606
