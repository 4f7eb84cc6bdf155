"""Prefect's server on SQLite, with connections enough: `python small_server.py server start ...`.

Of the 15 connections that Prefect's pool has, each may wait for the one that writes, while that one waits for another
connection: with five workers the API stood still for a minute at a time. Prefect's settings of its pool are for
PostgreSQL alone.
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
