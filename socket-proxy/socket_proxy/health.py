"""The health check: asks every role's address for the engine, as a client would."""

import asyncio

import h11

from socket_proxy.case import Allow
from socket_proxy.engine import answer, ask
from socket_proxy.settings import Settings
from socket_proxy.values import Address
from socket_proxy.wire import Wire

_SECONDS = 5
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


async def faults(settings: Settings) -> list[str]:
    """One line for each role that gets no answer from the engine."""
    found = [(listener, await _fault(listener.address)) for listener in settings.listeners]
    return [f"{listener.role.name} at {listener.address}: {fault}" for listener, fault in found if fault]


async def _fault(address: Address) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            status, body = await _ping(address)
    except TimeoutError:
        return f"no answer in {_SECONDS} s"
    except (OSError, h11.RemoteProtocolError) as error:
        return str(error)
    return "" if status == 200 else f"{status} {body.decode(errors='replace')}"


async def _ping(address: Address) -> tuple[int, bytes]:
    wire = Wire(h11.CLIENT, *await _connect(address))
    try:
        await ask(wire, Allow("GET", "/_ping"))
        return await answer(wire)
    finally:
        wire.close()


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.path:
        return await asyncio.open_unix_connection(address.path)
    return await asyncio.open_connection(_ANY_ADDRESS.get(address.host, address.host), address.port)
