"""The engine behind the proxy, on its Unix socket, or on a network over TLS."""

import asyncio
import encodings.idna  # noqa: F401  # loaded at the first host name: too late where only root may read Python's files
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h11

from socket_proxy import host_path
from socket_proxy.case import Allow
from socket_proxy.facts import Container, Facts, Network, Question
from socket_proxy.values import Address
from socket_proxy.wire import Wire

_LOOKUP_SECONDS = 30
_LOOKERS = 8


class EngineError(Exception):
    """Raised where the engine cannot be reached or breaks off; the text is for the client."""


class Engine:
    """Every request has a connection of its own, so none can leave anything behind for the next."""

    def __init__(self, address: Address, certificates: str = "") -> None:
        self.address = address
        self._tls = client_context(Path(certificates)) if certificates else None
        self._lookers = ThreadPoolExecutor(_LOOKERS, "host-path")  # a network file system may keep them waiting

    async def open(self, request: Allow) -> Wire:
        """A connection on which `request` has been sent; raises EngineError."""
        try:
            wire = Wire(h11.CLIENT, *await self._connect())
        except OSError as error:
            raise EngineError(f"no engine answers at {self.where}: {error.strerror}") from None
        try:
            await ask(wire, request)
        except OSError:
            wire.close()
            raise EngineError("the engine broke off before its answer") from None
        return wire

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.address.path:
            return await asyncio.open_unix_connection(self.address.path)
        return await asyncio.open_connection(self.address.host, self.address.port, ssl=self._tls)

    @property
    def where(self) -> str:
        """Its address, for people."""
        return self.address.path or str(self.address)

    async def learn(self, question: Question, facts: Facts) -> None:
        """Finds the answer to `question` and adds it to `facts`; raises EngineError."""
        if question.kind == "path":
            facts.paths[question.name] = await self._look_at(question.name, question.root)
        elif question.kind == "container":
            found = await self._look_up(f"/containers/{question.name}/json")
            facts.containers[question.name] = container(found) if found else None
        else:
            found = await self._look_up(f"/networks/{question.name}")
            facts.networks[question.name] = Network(found["Id"], found["Name"]) if found else None

    async def _look_at(self, path: str, root: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._lookers, host_path.fault, path, root)

    async def _look_up(self, path: str) -> dict[str, Any] | None:
        """The JSON at `path`, None where the engine has no such thing."""
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS):
                status, body = await self.fetch(path)
        except TimeoutError:
            raise EngineError(f"the engine at {self.where} did not answer in {_LOOKUP_SECONDS} s") from None
        if status == 404:
            return None
        if status != 200:
            raise EngineError(f"the engine answered {status} to GET {path}")
        found: dict[str, Any] = json.loads(body)
        return found

    async def fetch(self, path: str) -> tuple[int, bytes]:
        """Status and body of GET `path`; raises EngineError."""
        wire = await self.open(Allow("GET", path))
        try:
            return await answer(wire)
        except (OSError, h11.RemoteProtocolError):
            raise EngineError("the engine broke off its answer") from None
        finally:
            wire.close()


def client_context(folder: Path) -> ssl.SSLContext:
    """Trusts the CA alone, and shows the client's certificate; raises ssl.SSLError for files that are none of these."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def ask(wire: Wire, request: Allow) -> None:
    head = h11.Request(method=request.method, target=request.target, headers=_headers(request))
    body = [h11.Data(data=request.body)] if request.body else []
    await wire.send(head, *body, h11.EndOfMessage())


async def answer(wire: Wire) -> tuple[int, bytes]:
    """Status and body of the response that comes next."""
    status, body = 0, b""
    while not isinstance(event := await wire.receive(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
    return status, body


def container(found: dict[str, Any]) -> Container:
    """A container as the rules know it, from the engine's description of it."""
    mounts = found.get("Mounts") or []
    binds = tuple(mount["Source"] for mount in mounts if mount.get("Type") == "bind")
    return Container(found["Id"], found["Config"].get("Labels") or {}, binds)


def _headers(request: Allow) -> list[tuple[str, str]]:
    headers = [("Host", "docker"), ("Content-Length", str(len(request.body)))]
    if request.body:
        headers.append(("Content-Type", "application/json"))
    if request.registry_auth:
        headers.append(("X-Registry-Auth", request.registry_auth))
    return headers + ([("Connection", "Upgrade"), ("Upgrade", "tcp")] if request.hijack else [("Connection", "close")])
