"""A container's output: from the engine's frames to lines that a log can hold."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from launchers.launching.lines import STDERR, STDOUT, LineReader, Record, records_of

_HEADER = struct.Struct(">BxxxL")


def records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """The log records of an attached container's output, as it comes."""
    readers = {STDOUT: LineReader(), STDERR: LineReader()}
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        lines = ((stream, line) for stream, data in frames(buffer) for line in readers[stream].feed(data))
        yield from records_of(lines)
    yield from records_of((stream, line) for stream, reader in readers.items() for line in reader.rest())


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Takes the whole frames out of `buffer`: stream and payload. 2 is stderr, 3 the engine's own complaint.

    Layout: https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Container/operation/ContainerAttach
    """
    start = 0
    while len(buffer) - start >= _HEADER.size:
        stream, size = _HEADER.unpack_from(buffer, start)
        end = start + _HEADER.size + size
        if len(buffer) < end:
            break
        yield (STDERR if stream >= STDERR else STDOUT), bytes(buffer[start + _HEADER.size : end])
        start = end
    del buffer[:start]
