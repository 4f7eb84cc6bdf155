"""HTTP/1.1 on one connection, and from one connection to another: h11 knows the protocol, asyncio moves the bytes."""

import asyncio
import contextlib
from http import HTTPStatus

import h11

from socket_proxy.case import Allow

CHUNK = 65536
CUT_SHORT = "the engine closed the connection before its answer was complete"
_LINGER_SECONDS = 2
# Headers that belong to one connection, not to the answer; h11 writes those of the client's connection itself.
_HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
_UPGRADED = [("Connection", "Upgrade"), ("Upgrade", "tcp")]


class CutShortError(Exception):
    """Raised when the engine closes the connection before its answer is complete."""


class Wire:
    """One connection. `role` is the proxy's part in it: h11.SERVER towards clients, h11.CLIENT towards the engine."""

    def __init__(
        self,
        role: type[h11.SERVER] | type[h11.CLIENT],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        header_limit: int = CHUNK,
    ) -> None:
        self.protocol = h11.Connection(role, max_incomplete_event_size=header_limit)
        self.reader = reader
        self.writer = writer

    async def receive(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event, never NEED_DATA; raises h11.RemoteProtocolError if the other side breaks the protocol."""
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(await self.reader.read(CHUNK))
        return event

    async def send(self, *events: h11.Event) -> None:
        for event in events:
            self.writer.write(self.protocol.send(event) or b"")
        await self.writer.drain()

    async def wait_closed(self) -> None:
        """Returns when the other side has closed. What it sends before that is kept for its turn."""
        with contextlib.suppress(OSError):
            while data := await self.reader.read(CHUNK):
                self.protocol.receive_data(data)
                if len(self.protocol.trailing_data[0]) > CHUNK:
                    await asyncio.Event().wait()  # the client must stop, since nobody reads on

    async def linger(self) -> None:
        """Ends this side and reads on for a moment: a reset would take the answer from a client that still sends."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(_LINGER_SECONDS):
                while await self.reader.read(CHUNK):
                    pass

    def close(self) -> None:
        self.writer.close()


async def send_request(wire: Wire, request: Allow) -> None:
    head = h11.Request(method=request.method, target=request.target, headers=_headers(request))
    body = [h11.Data(data=request.body)] if request.body else []
    await wire.send(head, *body, h11.EndOfMessage())


def _headers(request: Allow) -> list[tuple[str, str]]:
    headers = [("Host", "docker"), ("Content-Length", str(len(request.body)))]
    if request.body:
        headers.append(("Content-Type", "application/json"))
    if request.registry_auth:
        headers.append(("X-Registry-Auth", request.registry_auth))
    return headers + ([("Connection", "Upgrade"), ("Upgrade", "tcp")] if request.hijack else [("Connection", "close")])


async def receive_answer(wire: Wire) -> tuple[int, bytes]:
    """Status and body of the next response."""
    status, body = 0, b""
    while not isinstance(event := await wire.receive(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
    return status, body


async def relay(client: Wire, engine: Wire) -> None:
    """Carries the engine's answer to the client, and returns at its end; raises CutShortError."""
    event = await _next_event(engine)
    while not isinstance(event, h11.EndOfMessage):
        if isinstance(event, h11.InformationalResponse) and event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            await _relay_stream(client, engine, event)
            return
        await _pass_on(client, event)
        event = await _next_event(engine)
    await client.send(h11.EndOfMessage())


async def _next_event(engine: Wire) -> object:
    try:
        return await engine.receive()
    except (OSError, h11.RemoteProtocolError):
        raise CutShortError(CUT_SHORT) from None


async def _pass_on(client: Wire, event: object) -> None:
    if isinstance(event, h11.Response):
        headers = [item for item in event.headers if item[0] not in _HOP_BY_HOP]
        await client.send(h11.Response(status_code=event.status_code, headers=headers, reason=event.reason))
    elif isinstance(event, h11.Data):
        await client.send(h11.Data(data=bytes(event.data)))


async def _relay_stream(client: Wire, engine: Wire, event: h11.InformationalResponse) -> None:
    """Both directions, byte for byte, until the engine ends its own; the client may end its own first (its stdin)."""
    kind = [("Content-Type", value.decode()) for name, value in event.headers if name == b"content-type"]
    await client.send(h11.InformationalResponse(status_code=101, headers=[*kind, *_UPGRADED], reason="UPGRADED"))
    inward = asyncio.create_task(_copy(client, engine))
    try:
        await _copy(engine, client)
    finally:
        inward.cancel()
        await asyncio.wait({inward})


async def _copy(source: Wire, sink: Wire) -> None:
    """Copies bytes until `source` ends or one side is gone, then ends this direction of `sink`."""
    with contextlib.suppress(OSError):
        data = source.protocol.trailing_data[0]
        while data or (data := await source.reader.read(CHUNK)):
            sink.writer.write(data)
            await sink.writer.drain()
            data = b""
        if sink.writer.can_write_eof():  # Python's TLS can only end both directions together
            sink.writer.write_eof()
