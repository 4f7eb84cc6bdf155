"""Carries the engine's answer to the client: as HTTP, or byte for byte where both have left HTTP behind."""

import asyncio
import contextlib
from http import HTTPStatus

import h11

from socket_proxy.wire import CHUNK, Wire

# Headers that belong to one connection, not to the answer; h11 writes those of the client's connection itself.
_HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
_UPGRADED = [("Connection", "Upgrade"), ("Upgrade", "tcp")]


class BrokenOffError(Exception):
    """Raised when the engine breaks off in the middle of an answer, or before it."""


async def relay(client: Wire, engine: Wire) -> None:
    """Returns when the answer has ended; raises BrokenOffError."""
    event = await _next(engine)
    while not isinstance(event, h11.EndOfMessage):
        if isinstance(event, h11.InformationalResponse) and event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            await _talk(client, engine, event)
            return
        await _pass_on(client, event)
        event = await _next(engine)
    await client.send(h11.EndOfMessage())


async def _next(engine: Wire) -> object:
    try:
        return await engine.receive()
    except (OSError, h11.RemoteProtocolError):
        raise BrokenOffError("the engine broke off its answer") from None


async def _pass_on(client: Wire, event: object) -> None:
    if isinstance(event, h11.Response):
        headers = [item for item in event.headers if item[0] not in _HOP_BY_HOP]
        await client.send(h11.Response(status_code=event.status_code, headers=headers, reason=event.reason))
    elif isinstance(event, h11.Data):
        await client.send(h11.Data(data=bytes(event.data)))


async def _talk(client: Wire, engine: Wire, event: h11.InformationalResponse) -> None:
    """Ends with the engine's side; the client's may end before it, as standard input does."""
    kind = [("Content-Type", value.decode()) for name, value in event.headers if name == b"content-type"]
    await client.send(h11.InformationalResponse(status_code=101, headers=[*kind, *_UPGRADED], reason="UPGRADED"))
    inward = asyncio.create_task(_pump(client, engine))
    try:
        await _pump(engine, client)
    finally:
        inward.cancel()
        await asyncio.wait({inward})


async def _pump(source: Wire, sink: Wire) -> None:
    """Carries bytes until `source` ends, then ends that direction of `sink`; a peer that is gone is an end too."""
    with contextlib.suppress(OSError):
        data = source.protocol.trailing_data[0]
        while data or (data := await source.reader.read(CHUNK)):
            sink.writer.write(data)
            await sink.writer.drain()
            data = b""
        if sink.writer.can_write_eof():  # TLS here ends in both directions or in none
            sink.writer.write_eof()
