"""A script's process: watched until it ends, and ended with all that it started whatever happens."""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from launchers.launching.errors import LaunchError
from launchers.launching.lines import STDERR, STDOUT, LineReader, Record, records_of

STOP_SECONDS = 5  # between SIGTERM and SIGKILL; a worker gives the flow itself 10 s
CHUNK = 65_536
MARK = "SITE_LAUNCHED_BY"  # in the environment of all that a flow run starts


def run_process(
    command: Sequence[str], environ: Mapping[str, str], timeout: float | None, sink: Callable[[Record], None]
) -> int:
    """The exit code of a command whose output goes to `sink` as it comes; that of a signal is negative.

    Raises LaunchError where it has not ended after `timeout` seconds.
    """
    try:
        started = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, start_new_session=True
        )
    except OSError as error:
        raise LaunchError(f"{command[0]} cannot be started: {error.strerror}") from None
    with _ended_at_the_end(started):
        for record in _records(started, timeout):
            sink(record)
        return started.wait()


def end_processes_of(flow_run_id: str) -> None:
    """Kills what earlier attempts of a flow run left running on this machine."""
    mark = f"{MARK}={flow_run_id}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # processes come and go, and most are somebody else's
            if mark in environ.read_bytes().split(b"\0"):
                os.kill(int(environ.parent.name), signal.SIGKILL)


def _records(process: subprocess.Popen[bytes], timeout: float | None) -> Iterator[Record]:
    """The records of both streams until they are closed. Raises LaunchError at the end of the time."""
    readers = {STDOUT: LineReader(), STDERR: LineReader()}
    for stream, data in _chunks({STDOUT: process.stdout, STDERR: process.stderr}, timeout):
        yield from records_of((stream, line) for line in readers[stream].feed(data))
    yield from records_of((stream, line) for stream, reader in readers.items() for line in reader.rest())


def _chunks(streams: Mapping[int, IO[bytes] | None], timeout: float | None) -> Iterator[tuple[int, bytes]]:
    ends = math.inf if timeout is None else time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for stream, file in streams.items():
            selector.register(file, selectors.EVENT_READ, stream)  # type: ignore[arg-type]  # both are pipes
        while selector.get_map():
            ready = selector.select(None if timeout is None else max(ends - time.monotonic(), 0))
            if time.monotonic() >= ends:
                raise LaunchError(f"ran longer than its timeout of {timeout:g} s and was stopped")
            for key, _ in ready:
                data = os.read(key.fd, CHUNK)
                if data:
                    yield key.data, data
                else:
                    selector.unregister(key.fileobj)


@contextmanager
def _ended_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ends the process and its group at the end of the block; with SIGTERM first, so that it may save what it has."""
    try:
        yield
    except BaseException:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        raise
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
