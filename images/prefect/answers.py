#!/usr/bin/env -S python3 -IS
"""Whether a program of this container answers 200: answers PORT PATH. Exit 0 if so, else one line that says why.

For health checks, which are run every few seconds as long as a site is there: without Python's site module and HTTP
client one takes half of the processor's time (0.05 s and not 0.11 s).
"""

import socket
import sys

SECONDS = 4


def status(port: int, path: str) -> str:
    """What an HTTP response begins with, such as `HTTP/1.1 200 OK`."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return connection.makefile("rb").readline().decode(errors="replace").strip()


if __name__ == "__main__":
    try:
        said = status(int(sys.argv[1]), sys.argv[2])
    except OSError as error:
        said = str(error)
    if said.split()[1:2] != ["200"]:
        sys.exit(f"http://127.0.0.1:{sys.argv[1]}{sys.argv[2]}: {said}")
