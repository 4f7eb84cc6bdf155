"""`python -m socket_proxy` serves; with `--check` its exit status says whether a running proxy is healthy."""

import asyncio
import logging
import os
import sys
from dataclasses import replace

import h11

from socket_proxy import privileges, settings
from socket_proxy.case import Allow
from socket_proxy.engine import connect
from socket_proxy.server import Server
from socket_proxy.settings import Settings, SettingsError
from socket_proxy.values import Address
from socket_proxy.wire import receive_answer, send_request

_USAGE = "usage: python -m socket_proxy [--check]"
_CHECK_SECONDS = 5
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        found = settings.read(os.environ)
        privileges.drop(found)
        return check(found) if arguments else serve(found)
    except SettingsError as error:
        for fault in error.faults:
            print(f"socket-proxy: {fault}", file=sys.stderr)
        return 1


def serve(settings: Settings) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if faults := privileges.faults(settings):
        raise SettingsError(faults)
    os.umask(0o177)
    asyncio.run(Server(settings).run())
    return 0


def check(settings: Settings) -> int:
    if faults := asyncio.run(_silent_roles(settings)):
        raise SettingsError(faults)
    return 0


async def _silent_roles(settings: Settings) -> list[str]:
    """One line for each role whose address does not bring an answer from the engine."""
    found = [(listener, await _fault(listener.address)) for listener in settings.listeners]
    return [f"{listener.role.name} at {listener.address}: {fault}" for listener, fault in found if fault]


async def _fault(address: Address) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            status, body = await _ping(replace(address, host=_LOOPBACK.get(address.host, address.host)))
    except TimeoutError:
        return f"no answer in {_CHECK_SECONDS} s"
    except (OSError, h11.RemoteProtocolError) as error:
        return str(error)
    return "" if status == 200 else f"{status} {body.decode(errors='replace')}"


async def _ping(address: Address) -> tuple[int, bytes]:
    wire = await connect(address)
    try:
        await send_request(wire, Allow("GET", "/_ping"))
        return await receive_answer(wire)
    finally:
        wire.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
