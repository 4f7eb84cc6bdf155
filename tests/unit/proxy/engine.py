"""A Unix socket in place of the engine that records every byte it gets: this is what the engine would get."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[socket.socket, bytes], None]


def just(answer: bytes) -> Answer:
    return lambda client, _request: client.sendall(answer)


class Recorder:
    """`requests` are what each connection sent first; `answer` is called with a connection and that request."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[bytes] = []
        self.answer: Answer = just(OK)
        self._listener = self._listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        self.path.chmod(0o666)
        return listener

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self._opened(client) as opened:
            request = _whole(opened)
            self.requests.append(request)
            self.answer(opened, request)

    def _opened(self, client: socket.socket) -> socket.socket:
        return client

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)


class TlsRecorder(Recorder):
    """The same on a port of loopback, for clients that the context lets in; `path` is not used."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(Path("/nowhere"))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _listen(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))

    def _opened(self, client: socket.socket) -> socket.socket:
        return self._context.wrap_socket(client, server_side=True)


def _whole(client: socket.socket) -> bytes:
    """Head and body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(client)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < int(lengths[0]):
        body += _more(client)
    return head + b"\r\n\r\n" + body


def _more(client: socket.socket) -> bytes:
    if not (data := client.recv(65536)):
        raise ConnectionResetError
    return data


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    try:
        yield recorder
    finally:
        with contextlib.suppress(OSError):
            recorder.close()
