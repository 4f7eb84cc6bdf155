"""A client's connection: one request after the other, each read whole, judged, and only then passed on."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import h11

from socket_proxy.case import Allow, Ask, Deny, Request
from socket_proxy.engine import Engine, EngineError
from socket_proxy.facts import Facts
from socket_proxy.policy import Policy
from socket_proxy.relay import BrokenOffError, relay
from socket_proxy.settings import Bounds
from socket_proxy.wire import Wire

log = logging.getLogger("socket-proxy")
_LONGEST = 1000  # characters of a reason, in which a client's own words may stand
NO_REQUEST = Request("-", "-")  # where what came is no request


class MalformedError(Exception):
    """Raised for what is no acceptable HTTP; the connection ends with it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Connection:
    """`idle` is true between two requests, when nothing is lost by closing."""

    def __init__(self, policy: Policy, engine: Engine, bounds: Bounds, wire: Wire) -> None:
        self.policy = policy
        self.engine = engine
        self.bounds = bounds
        self.wire = wire
        self.idle = True

    async def serve(self) -> None:
        """Returns when the connection has ended, however it did."""
        try:
            while request := await self._next_request():
                self.idle = False
                await self._answer(request)
                self.idle = True
                if not self._next_cycle():
                    break
        except MalformedError as fault:
            await self.reject(fault.status, str(fault))
        except (OSError, BrokenOffError):
            pass  # closing is all that is left to do
        finally:
            self.wire.close()

    async def turn_away(self) -> None:
        """In place of `serve` where the role has too many connections."""
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
        """The next request, whole; None where the client is done. Raises MalformedError."""
        try:
            async with asyncio.timeout(self.bounds.idle):
                return await self._read_request()
        except TimeoutError:
            if not self.wire.protocol.trailing_data[0] and self.wire.protocol.their_state is h11.IDLE:
                return None
            raise MalformedError(408, f"the request did not arrive within {self.bounds.idle} s") from None
        except h11.RemoteProtocolError as error:
            rule = str(error).partition(": ")[0]  # what follows are the client's bytes, a login among them perhaps
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
            await self.engine.learn(verdict.question, facts)
        return verdict

    async def _pass(self, request: Allow) -> None:
        engine = await self.engine.open(request)
        try:
            if request.hijack:
                await relay(self.wire, engine)
            else:
                await self._while_present(relay(self.wire, engine))
        except BrokenOffError as interruption:
            if self.wire.protocol.our_state is not h11.SEND_RESPONSE:
                raise  # the client has seen a part of the answer, and must see that it ends too early
            raise EngineError(str(interruption)) from None
        finally:
            engine.close()

    async def _while_present(self, answering: Coroutine[Any, Any, None]) -> None:
        """Ends early when the client goes: the engine's answer may be a stream without end."""
        answer, departure = asyncio.create_task(answering), asyncio.create_task(self.wire.gone())
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
        """Answers what is no acceptable request, and ends the connection."""
        self._log("refused", NO_REQUEST, status, reason)
        if self.wire.protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with contextlib.suppress(OSError):
                await self._reply(NO_REQUEST, status, self._signed(reason))
                await self.wire.linger()

    async def _reply(self, request: Request, status: int, message: str) -> None:
        body = json.dumps({"message": message[:_LONGEST]}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        head = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase)
        await self.wire.send(head, *([] if request.method == "HEAD" else [h11.Data(data=body)]), h11.EndOfMessage())

    def _signed(self, text: str) -> str:
        return f"socket proxy ({self.policy.role.name}): {text}"

    def _log(self, what: str, request: Request, status: int, reason: str) -> None:
        """One line, without the query: a client may have put a secret into it."""
        path = _line(request.target.partition("?")[0])
        where = f"role={self.policy.role.name} method={request.method} path={path}"
        log.warning("%s %s status=%d reason=%s", what, where, status, _line(reason))


def _line(text: str) -> str:
    """`text` as a part of one log line, whatever a client put into it."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[:_LONGEST])
