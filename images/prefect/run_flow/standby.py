"""The process that will be the run: forked while there is one thread; it gets its orders later."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import anyio


@dataclass(frozen=True)
class Order:
    """What Prefect would have started: the arguments, the environment and the directory of the new process."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str | None


class Standby:
    """A child that waits for its order. Prefect sees in it the process that it has started."""

    def __init__(self, run: Callable[[Order], int]) -> None:
        ours, theirs = socket.socketpair()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _become(run, theirs)
        theirs.close()
        ours.recv(1)  # from here on signals reach it
        self._orders = ours

    async def start(
        self,
        command: list[str],
        *,
        env: Mapping[str, str],
        cwd: str | os.PathLike[str] | None,
        task_status: Any,
        task_status_handler: Callable[["Standby"], Any],
        **_: Any,
    ) -> "Standby":
        """In place of Prefect's `run_process`: returns when the process has ended. Its output needs no pipe."""
        order = Order(command, dict(env), None if cwd is None else os.fspath(cwd))
        with self._orders, suppress(OSError):  # one that was killed before has an exit status that says so
            self._orders.sendall(json.dumps(asdict(order)).encode())
        task_status.started(task_status_handler(self))
        try:
            await anyio.to_thread.run_sync(self._wait, abandon_on_cancel=True)
        finally:
            self.signal(signal.SIGTERM)
        return self

    def signal(self, number: int) -> None:
        """To the process and what it has started in its group, if it has not ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _wait(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)


def _become(run: Callable[[Order], int], orders: socket.socket) -> NoReturn:
    """The life of the child. If its parent ends before there is an order, so does it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A signal to the group of the parent is not for the run: whether and how that ends is the parent's to say.
    os.setpgid(0, 0)
    orders.send(b".")
    with orders, orders.makefile(encoding="utf-8") as stream:
        received = stream.read()
    sys.exit(run(Order(**json.loads(received))) if received else 0)
