"""One HTTP/1.1 connection, to a client or to the engine: h11 reads and writes the protocol, asyncio moves bytes."""

import asyncio
import contextlib

import h11

CHUNK = 65536
_LINGER_SECONDS = 2


class Wire:
    """`role` is the part played here: h11.SERVER towards clients, h11.CLIENT towards the engine."""

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
        """The next event, never NEED_DATA; raises h11.RemoteProtocolError where the other side breaks the protocol."""
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(await self.reader.read(CHUNK))
        return event

    async def send(self, *events: h11.Event) -> None:
        for event in events:
            self.writer.write(self.protocol.send(event) or b"")
        await self.writer.drain()

    async def gone(self) -> None:
        """Returns when the other side has closed, and not before. What it sends meanwhile is kept for its turn."""
        with contextlib.suppress(OSError):
            while data := await self.reader.read(CHUNK):
                self.protocol.receive_data(data)
                if len(self.protocol.trailing_data[0]) > CHUNK:
                    await asyncio.Event().wait()  # what is left unread holds the client back

    async def linger(self) -> None:
        """Ends our side and reads on for a moment: a reset would take the answer from a client still sending."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(_LINGER_SECONDS):
                while await self.reader.read(CHUNK):
                    pass

    def close(self) -> None:
        self.writer.close()
