"""Prefect's server with the site's changes of its pages: `python start_server.py server start ...`.

With several API processes, each of them imports this file again: that is how they get the changes as well.
"""

import redis_server
import web
from prefect.cli import app

web.apply()
redis_server.ask_often()

if __name__ == "__main__":
    app()
