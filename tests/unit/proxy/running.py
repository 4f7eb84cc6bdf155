"""The proxy as its own process, with a recorder in place of the engine; tests send it raw bytes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.proxy.engine import Recorder, recording

PACKAGE = Path(__file__).parents[3] / "socket-proxy"
COMMAND = [sys.executable, "-m", "socket_proxy"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PACKAGE),
        "SITE": "als",
        "DOCKER_PROXY_ENGINE": f"unix://{folder}/engine.sock",
        "DOCKER_PROXY_SOCKET_MODE": "666",
        "DOCKER_PROXY_LAUNCHER_LISTEN": f"unix://{folder}/listen/launcher.sock",
        "DOCKER_PROXY_LAUNCHER_IMAGES": "registry.lab:5000/*",
        "DOCKER_PROXY_REAPER_LISTEN": f"unix://{folder}/listen/reaper.sock",
        **more,
    }


@dataclass
class Running:
    process: subprocess.Popen[str]
    folder: Path
    engine: Recorder

    def connect(self, role: str = "launcher") -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(120)
        client.connect(f"{self.folder}/listen/{role}.sock")
        return client

    def say(self, data: bytes, role: str = "launcher") -> bytes:
        """The answer to `data` and the end of the client's side, until the proxy closes the connection."""
        with self.connect(role) as client:
            client.sendall(data)
            return rest(client)

    def stop(self) -> str:
        """The log of the proxy, which has stopped by itself."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=120)
        return log

    def check(self) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, "--check"]
        return subprocess.run(command, env=environment(self.folder), capture_output=True, text=True, check=False)


def rest(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def read_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        part = client.recv(65536)
        assert part, data
        data += part
    return data


@contextlib.contextmanager
def running(folder: Path, recorder: Recorder | None = None, **more: str) -> Iterator[Running]:
    with recording(recorder or Recorder(folder / "engine.sock")) as engine:
        process = subprocess.Popen(COMMAND, env=environment(folder, **more), stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr
            for _ in ("launcher", "reaper"):
                assert "listening" in process.stderr.readline()
            yield Running(process, folder, engine)
        finally:
            process.kill()
            process.communicate()
