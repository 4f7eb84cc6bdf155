"""Prefect's server on SQLite, with connections enough: `python sqlite_server.py server start ...`.

Of the 15 connections that Prefect's pool has, each may wait for the one that writes, while that one waits for another
connection: the API stands still, and its log says `QueuePool limit of size 5 overflow 10 reached`. Prefect's settings
of its pool are for PostgreSQL alone. This cures that, and not all of it: with five workers a writer was still seen to
keep all others waiting for their 60 s (`database is locked`), in one of two tries.
"""

from functools import partial
from typing import Any

from prefect.cli import app
from prefect.server.database import configurations

CONNECTIONS = 50

if __name__ == "__main__":
    stock: Any = configurations
    stock.create_async_engine = partial(stock.create_async_engine, pool_size=CONNECTIONS)
    app()
