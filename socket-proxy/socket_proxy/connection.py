"""A client's connection: one request after the other, each read to its end, examined, and only then passed on."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import h11

from socket_proxy.case import Allow, Ask, Deny, Facts, Request
from socket_proxy.engine import Engine, EngineError
from socket_proxy.policy import Policy
from socket_proxy.settings import Bounds
from socket_proxy.wire import CutShortError, Wire, relay

log = logging.getLogger("socket-proxy")
_LONGEST = 1000  # characters of a reason, which may contain the client's own words
_UNREADABLE = Request("-", "-")  # in place of a request that could not be read


class MalformedError(Exception):
    """Raised for HTTP that the proxy does not accept; it ends the connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Connection:
    """`idle` is true between two requests, when it can be closed without loss."""

    def __init__(self, policy: Policy, engine: Engine, bounds: Bounds, wire: Wire) -> None:
        self.policy = policy
        self.engine = engine
        self.bounds = bounds
        self.wire = wire
        self.idle = True

    async def serve(self) -> None:
        """Returns when the connection has ended."""
        try:
            while request := await self._next_request():
                self.idle = False
                await self._answer(request)
                self.idle = True
                if not self._next_cycle():
                    break
        except MalformedError as fault:
            await self.reject(fault.status, str(fault))
        except (OSError, CutShortError):
            pass  # the connection can only be closed
        finally:
            self.wire.close()

    async def reject_as_surplus(self) -> None:
        """Instead of `serve`, if the role has too many connections."""
        try:
            await self.reject(503, f"more than {self.bounds.connections} connections at once")
        finally:
            self.wire.close()

    def _next_cycle(self) -> bool:
        protocol = self.wire.protocol
        if protocol.our_state is not h11.DONE or protocol.their_state is not h11.DONE:
            return False
        protocol.start_next_cycle()
        return True

    async def _next_request(self) -> Request | None:
        """The next request with its body, None if the client has ended the connection; raises MalformedError."""
        try:
            async with asyncio.timeout(self.bounds.idle):
                return await self._read_request()
        except TimeoutError:
            if not self.wire.protocol.trailing_data[0] and self.wire.protocol.their_state is h11.IDLE:
                return None
            raise MalformedError(408, f"the request did not arrive within {self.bounds.idle} s") from None
        except h11.RemoteProtocolError as error:
            rule = str(error).partition(": ")[0]  # the rest are the client's bytes, perhaps with a login
            raise MalformedError(error.error_status_hint, f"malformed HTTP: {rule}") from None

    async def _read_request(self) -> Request | None:
        head = await self.wire.receive()
        if not isinstance(head, h11.Request):
            return None
        headers = dict(head.headers)
        if b"content-length" in headers and b"transfer-encoding" in headers:
            raise MalformedError(400, "malformed HTTP: both Content-Length and Transfer-Encoding")
        body = await self._read_body()
        token = headers.get(b"x-registry-auth", b"").decode("latin-1")
        upgrade = headers.get(b"upgrade", b"").lower() == b"tcp"
        return Request(head.method.decode(), head.target.decode(), body, token, upgrade)

    async def _read_body(self) -> bytes:
        if self.wire.protocol.they_are_waiting_for_100_continue:
            await self.wire.send(h11.InformationalResponse(status_code=100, headers=[]))
        body = bytearray()
        while isinstance(part := await self.wire.receive(), h11.Data):
            body += part.data
            if len(body) > self.bounds.body:
                raise MalformedError(413, f"the body is larger than {self.bounds.body} bytes")
        return bytes(body)

    async def _answer(self, request: Request) -> None:
        try:
            verdict = await self._decide(request)
            if isinstance(verdict, Allow):
                await self._pass(verdict)
            else:
                await self._refuse(request, verdict)
        except EngineError as error:
            self._log("failed", request, HTTPStatus.BAD_GATEWAY, str(error))
            await self._reply(request, HTTPStatus.BAD_GATEWAY, self._signed(str(error)))

    async def _decide(self, request: Request) -> Allow | Deny:
        facts = Facts()
        while isinstance(verdict := self.policy.decide(request, facts), Ask):
            await self.engine.answer(verdict.question, facts)
        return verdict

    async def _pass(self, request: Allow) -> None:
        engine = await self.engine.open(request)
        try:
            if request.hijack:
                await relay(self.wire, engine)
            else:
                await self._while_connected(relay(self.wire, engine))
        except CutShortError as interruption:
            if self.wire.protocol.our_state is not h11.SEND_RESPONSE:
                raise  # the client has part of the answer, and must see that it is incomplete
            raise EngineError(str(interruption)) from None
        finally:
            engine.close()

    async def _while_connected(self, answering: Coroutine[Any, Any, None]) -> None:
        """Stops when the client disconnects: the engine's answer may be an endless stream."""
        answer, departure = asyncio.create_task(answering), asyncio.create_task(self.wire.wait_closed())
        try:
            await asyncio.wait({answer, departure}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ConnectionResetError
            await answer
        finally:
            answer.cancel()
            departure.cancel()
            await asyncio.wait({answer, departure})

    async def _refuse(self, request: Request, verdict: Deny) -> None:
        if verdict.status != HTTPStatus.NOT_FOUND:
            self._log("refused", request, verdict.status, verdict.reason)
        await self._reply(request, verdict.status, verdict.message)

    async def reject(self, status: int, reason: str) -> None:
        """Answers a request that could not be read, and ends the connection."""
        self._log("refused", _UNREADABLE, status, reason)
        if self.wire.protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with contextlib.suppress(OSError):
                await self._reply(_UNREADABLE, status, self._signed(reason))
                await self.wire.linger()

    async def _reply(self, request: Request, status: int, message: str) -> None:
        body = json.dumps({"message": message[:_LONGEST]}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        head = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase)
        await self.wire.send(head, *([] if request.method == "HEAD" else [h11.Data(data=body)]), h11.EndOfMessage())

    def _signed(self, text: str) -> str:
        return f"socket proxy ({self.policy.role.name}): {text}"

    def _log(self, what: str, request: Request, status: int, reason: str) -> None:
        """One line, without the query, which may contain a secret."""
        path = _one_line(request.target.partition("?")[0])
        where = f"role={self.policy.role.name} method={request.method} path={path}"
        log.warning("%s %s status=%d reason=%s", what, where, status, _one_line(reason))


def _one_line(text: str) -> str:
    """`text` with everything escaped that could start another log line."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[:_LONGEST])
