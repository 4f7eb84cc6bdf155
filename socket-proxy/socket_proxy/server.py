"""The listening side: one address per role, many connections, a clean stop."""

import asyncio
import logging
import signal
from pathlib import Path

import h11

from socket_proxy.connection import Connection
from socket_proxy.engine import Engine
from socket_proxy.policy import Policy
from socket_proxy.settings import Listener, Settings, SettingsError
from socket_proxy.wire import Wire

log = logging.getLogger("socket-proxy")
_GRACE_SECONDS = 3  # for answers under way at the stop; streams such as wait and logs are cut after that


class Server:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = Engine(settings.engine, settings.certificates)
        self.connections: dict[str, dict[asyncio.Task[None], Connection]] = {}

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT; raises SettingsError if it cannot listen on an address."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        servers = [await self._listen(listener) for listener in self.settings.listeners]
        await stop.wait()
        log.info("stopping")
        for server in servers:
            server.close()
        await self._end_connections()
        self._remove_sockets()

    async def _listen(self, listener: Listener) -> asyncio.Server:
        self.connections[listener.role.name] = {}
        try:
            server = await self._bind(listener)
        except OSError as error:
            reason = f"{listener.limits.prefix}_LISTEN: cannot listen on {listener.address}: {error.strerror}"
            raise SettingsError([reason]) from None
        log.info("listening role=%s address=%s", listener.role.name, listener.address)
        return server

    async def _bind(self, listener: Listener) -> asyncio.Server:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._accept(listener, reader, writer)

        address = listener.address
        if not address.path:
            return await asyncio.start_server(accept, address.host, address.port)
        server = await asyncio.start_unix_server(accept, address.path)
        Path(address.path).chmod(self.settings.socket_mode)
        return server

    def _accept(self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        others = self.connections[listener.role.name]
        bounds = self.settings.bounds
        wire = Wire(h11.SERVER, reader, writer, bounds.header)
        connection = Connection(Policy(listener.role, listener.limits), self.engine, bounds, wire)
        is_full = len(others) >= bounds.connections
        task = asyncio.create_task(connection.reject_as_surplus() if is_full else connection.serve())
        others[task] = connection
        task.add_done_callback(lambda ended: self._forget(listener, ended))

    def _forget(self, listener: Listener, task: asyncio.Task[None]) -> None:
        del self.connections[listener.role.name][task]
        if not task.cancelled() and (error := task.exception()):
            log.error("internal error role=%s", listener.role.name, exc_info=error)

    async def _end_connections(self) -> None:
        running = {task: connection for tasks in self.connections.values() for task, connection in tasks.items()}
        busy = {task for task, connection in running.items() if not connection.idle}
        for task in running.keys() - busy:
            task.cancel()
        if busy:
            await asyncio.wait(busy, timeout=_GRACE_SECONDS)
        for task in busy:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _remove_sockets(self) -> None:
        for listener in self.settings.listeners:
            if listener.address.path:
                Path(listener.address.path).unlink(missing_ok=True)
