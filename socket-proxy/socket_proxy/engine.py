"""The engine behind the proxy, on its Unix socket, or on a network with TLS."""

import asyncio
import encodings.idna  # noqa: F401  # Python loads it at the first host name: too late if only root may read its files
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h11

from socket_proxy import mounts
from socket_proxy.case import Allow, Container, Facts, Network, Question
from socket_proxy.values import Address
from socket_proxy.wire import CUT_SHORT, Wire, receive_answer, send_request

_INSPECT_SECONDS = 30
_PATH_THREADS = 8


class EngineError(Exception):
    """Raised if the engine cannot be reached or closes the connection; the text is for the client."""


class Engine:
    """Each request has its own connection, so none can leave anything behind for the next."""

    def __init__(self, address: Address, certificates: str = "") -> None:
        self.address = address
        self._tls = client_context(Path(certificates)) if certificates else None
        self._threads = ThreadPoolExecutor(_PATH_THREADS, "host-path")  # a network file system may be slow

    @property
    def where(self) -> str:
        """Its address in messages."""
        return self.address.path or str(self.address)

    async def open(self, request: Allow) -> Wire:
        """A connection on which `request` has been sent; raises EngineError."""
        try:
            wire = await connect(self.address, self._tls)
        except OSError as error:
            raise EngineError(f"no engine answers at {self.where}: {error.strerror}") from None
        try:
            await send_request(wire, request)
        except OSError:
            wire.close()
            raise EngineError("the engine closed the connection before it answered") from None
        return wire

    async def answer(self, question: Question, facts: Facts) -> None:
        """Finds the answer to `question` and adds it to `facts`; raises EngineError."""
        if question.kind == "path":
            facts.paths[question.name] = await self._check_path(question.name, question.root)
        elif question.kind == "container":
            found = await self._inspect(f"/containers/{question.name}/json")
            facts.containers[question.name] = _container(found) if found else None
        else:
            found = await self._inspect(f"/networks/{question.name}")
            facts.networks[question.name] = Network(found["Id"], found["Name"]) if found else None

    async def _check_path(self, path: str, root: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, mounts.path_fault, path, root)

    async def _inspect(self, path: str) -> dict[str, Any] | None:
        """The JSON at `path`, None if the engine answers 404."""
        try:
            async with asyncio.timeout(_INSPECT_SECONDS):
                status, body = await self._get(path)
        except TimeoutError:
            raise EngineError(f"the engine at {self.where} did not answer in {_INSPECT_SECONDS} s") from None
        if status == 404:
            return None
        if status != 200:
            raise EngineError(f"the engine answered {status} to GET {path}")
        found: dict[str, Any] = json.loads(body)
        return found

    async def _get(self, path: str) -> tuple[int, bytes]:
        wire = await self.open(Allow("GET", path))
        try:
            return await receive_answer(wire)
        except (OSError, h11.RemoteProtocolError):
            raise EngineError(CUT_SHORT) from None
        finally:
            wire.close()


def client_context(folder: Path) -> ssl.SSLContext:
    """Trusts this CA alone and shows the client's certificate; raises ssl.SSLError for files that are not these."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def connect(address: Address, tls: ssl.SSLContext | None = None) -> Wire:
    if address.path:
        return Wire(h11.CLIENT, *await asyncio.open_unix_connection(address.path))
    return Wire(h11.CLIENT, *await asyncio.open_connection(address.host, address.port, ssl=tls))


def _container(found: dict[str, Any]) -> Container:
    """From the engine's answer to inspect."""
    entries = found.get("Mounts") or []
    binds = tuple(entry["Source"] for entry in entries if entry.get("Type") == "bind")
    return Container(found["Id"], found["Config"].get("Labels") or {}, binds)
