"""Prefect's server on SQLite, with enough connections: `python sqlite_server.py server start ...`.

Prefect's pool has 15 connections. All of them may wait for the one that writes, while that one waits for another
connection: the API hangs, and its log says `QueuePool limit of size 5 overflow 10 reached`. Prefect's settings for its
pool apply to PostgreSQL only (3.9.1: `AioSqliteConfiguration.engine` in server/database/configurations.py). More
connections prevent this, but not every hang: with five workers, in one of two tries, one writer still kept all others
waiting for 60 s (`database is locked`).
"""

from functools import partial
from typing import Any

import lost_slots  # noqa: F401  # it adds itself to the background services, which run in this process
import web
from prefect.cli import app
from prefect.server.database import configurations

CONNECTIONS = 50

if __name__ == "__main__":
    stock: Any = configurations
    stock.create_async_engine = partial(stock.create_async_engine, pool_size=CONNECTIONS)
    web.apply()
    app()
