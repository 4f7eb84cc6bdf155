"""`python -m socket_proxy` serves; with `--check` it tells whether a running one is healthy, by its exit status."""

import asyncio
import logging
import os
import sys

from socket_proxy import health, privileges, settings
from socket_proxy.server import Server
from socket_proxy.settings import Settings, SettingsError

_USAGE = "usage: python -m socket_proxy [--check]"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        known = settings.read(os.environ)
        privileges.drop(known)
        return check(known) if arguments else serve(known)
    except SettingsError as error:
        for fault in error.faults:
            print(f"socket-proxy: {fault}", file=sys.stderr)
        return 1


def serve(known: Settings) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if faults := privileges.faults(known):
        raise SettingsError(faults)
    os.umask(0o177)
    asyncio.run(Server(known).run())
    return 0


def check(known: Settings) -> int:
    if faults := asyncio.run(health.faults(known)):
        raise SettingsError(faults)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
