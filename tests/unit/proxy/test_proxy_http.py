"""Good and bad HTTP of clients: the engine gets a request that the proxy wrote, or nothing at all."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.proxy.engine import OK, just
from tests.unit.proxy.running import Running, read_until, rest, running
from tests.unit.proxy.world import a_body

PING = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
WAIT = b"POST /containers/abc/wait HTTP/1.1\r\nHost: x\r\n\r\n"
OURS = json.dumps({"Id": "b" * 64, "Config": {"Labels": {"site": "als", "site.managed": "launcher"}}}).encode()
INSPECTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(OURS), OURS)
BODY = json.dumps(a_body({"NetworkMode": "als"})).encode()


@pytest.fixture
def proxy(folder: Path) -> Iterator[Running]:
    with running(folder) as found:
        yield found


def create(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /containers/create HTTP/1.1", b"Host: x", b"Connection: close", *headers, b"", body])


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def message(answer: bytes) -> str:
    found: str = json.loads(answer.partition(b"\r\n\r\n")[2])["message"]
    return found


def test_engine_is_sent_a_request_of_the_proxys_own_making(proxy: Running) -> None:
    length = b"content-length: %d" % len(BODY)
    answer = proxy.say(create(length, b"X-Evil: 1", b"Authorization: Basic x", b"X-Registry-Auth: eyJ9", body=BODY))
    assert status(answer) == 200
    (request,) = proxy.engine.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /containers/create HTTP/1.1",
        b"Host: docker",
        b"Content-Length: %d" % len(body),
        b"Content-Type: application/json",
        b"Connection: close",
    ]
    assert json.loads(body)["Labels"] == {"site": "als", "site.managed": "launcher"}


def test_registry_login_goes_with_a_pull_only(proxy: Running) -> None:
    target = b"POST /images/create?fromImage=registry.lab:5000/a&tag=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    assert status(proxy.say(target + b"X-Registry-Auth: eyJ9\r\n\r\n")) == 200
    assert b"\r\nX-Registry-Auth: eyJ9\r\n" in proxy.engine.requests[0]


def test_chunked_body_is_examined_whole(proxy: Running) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    assert status(proxy.say(create(b"Transfer-Encoding: chunked", body=chunks))) == 200
    assert b"Content-Length: " in proxy.engine.requests[0]
    privileged = BODY.replace(b'"NetworkMode"', b'"Privileged": true, "NetworkMode"')
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in privileged) + b"0\r\n\r\n"
    answer = proxy.say(create(b"Transfer-Encoding: chunked", body=chunks))
    assert message(answer) == "socket proxy (launcher): HostConfig.Privileged is refused; no setting allows it"
    assert len(proxy.engine.requests) == 1


SMUGGLED = b"POST /build HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (
            create(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
            400,
            "malformed HTTP: both Content-Length and Transfer-Encoding",
        ),
        (
            create(b"Content-Length: 5", b"Content-Length: 6", body=SMUGGLED),
            400,
            "malformed HTTP: conflicting Content-Length headers",
        ),
        (create(b"Content-Length: 5, 6", body=SMUGGLED), 400, "malformed HTTP: conflicting Content-Length headers"),
        (create(b"Content-Length: +5", body=SMUGGLED), 400, "malformed HTTP: bad Content-Length"),
        (
            create(b"Transfer-Encoding: gzip, chunked"),
            501,
            "malformed HTTP: Only Transfer-Encoding",
        ),
        (
            create(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
            501,
            "malformed HTTP: multiple Transfer-Encoding headers",
        ),
        (
            create(b"Transfer-Encoding : chunked"),
            400,
            "malformed HTTP: illegal header line",
        ),
        (b"GET /_ping HTTP/1.1\r\n\r\n", 400, "malformed HTTP: Missing mandatory Host"),
        (b"GET /_ping HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "malformed HTTP: Found multiple Host"),
        (b"GET /_ping\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed HTTP: illegal request line"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed HTTP: illegal request line"),
        (b"GET /_ping HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 40000, 431, "malformed HTTP: Receive buffer too long"),
    ],
)
def test_malformed_request_ends_the_connection(proxy: Running, data: bytes, code: int, reason: str) -> None:
    answer = proxy.say(data)
    assert (status(answer), message(answer)) == (code, f"socket proxy (launcher): {reason}")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert proxy.engine.requests == []


def test_requests_one_after_the_other_are_each_judged(proxy: Running) -> None:
    answer = proxy.say(PING + SMUGGLED + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"403", b"200"]
    assert [request.split(b"\r\n")[0] for request in proxy.engine.requests] == [b"GET /_ping HTTP/1.1"] * 2


def test_head_is_refused_without_a_body(proxy: Running) -> None:
    answer = proxy.say(b"HEAD /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status(answer) == 403
    assert answer.endswith(b"\r\n\r\n")


def test_old_http_is_served_without_chunks(proxy: Running) -> None:
    proxy.engine.answer = just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    assert proxy.say(b"GET /_ping HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2] == b"ok"


def test_client_that_waits_for_leave_to_send_gets_it(proxy: Running) -> None:
    with proxy.connect() as client:
        client.sendall(create(b"Content-Length: %d" % len(BODY), b"Expect: 100-continue"))
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.sendall(BODY)
        assert status(rest(client)) == 200


def test_body_beyond_the_limit(folder: Path) -> None:
    with running(folder, DOCKER_PROXY_BODY_LIMIT="2000") as proxy:
        for framing in (b"Content-Length: 100000", b"Transfer-Encoding: chunked"):
            body = b"186a0\r\n" + b" " * 100000 + b"\r\n0\r\n\r\n"
            answer = proxy.say(create(framing, body=body if b"chunked" in framing else b" " * 100000))
            assert (status(answer), message(answer)) == (
                413,
                "socket proxy (launcher): the body is larger than 2000 bytes",
            )


def test_slow_request_and_idle_connection_are_ended(folder: Path) -> None:
    with running(folder, DOCKER_PROXY_IDLE_SECONDS="3") as proxy:
        with proxy.connect() as client:
            client.sendall(b"GET /_ping HTTP/1.1\r\n")
            answer = rest(client)
        assert message(answer) == "socket proxy (launcher): the request did not arrive within 3 s"
        with proxy.connect() as client:
            client.sendall(PING)
            assert rest(client).endswith(b"ok")
        with proxy.connect() as client:
            assert rest(client) == b""


def test_answer_that_takes_longer_than_an_idle_client_may(folder: Path) -> None:
    released = threading.Event()

    def later(client: socket.socket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nso\r\n")
        released.wait(120)
        client.sendall(b"0\r\n\r\n")

    with running(folder, DOCKER_PROXY_IDLE_SECONDS="1") as proxy, proxy.connect() as other:
        proxy.engine.answer = later
        with proxy.connect() as client:
            client.sendall(LAST)
            read_until(client, b"so\r\n")
            assert rest(other) == b""  # this one was idle for a second
            released.set()
            assert rest(client) == b"0\r\n\r\n"


def test_more_connections_than_allowed(folder: Path) -> None:
    with running(folder, DOCKER_PROXY_CONNECTIONS="2") as proxy, proxy.connect() as one, proxy.connect() as two:
        for client in (one, two):
            client.sendall(PING)
            read_until(client, b"ok")
        assert message(proxy.say(b"")) == "socket proxy (launcher): more than 2 connections at once"
        assert status(proxy.say(LAST, "reaper")) == 200


def test_engine_that_is_gone(proxy: Running) -> None:
    proxy.engine.close()
    answer = proxy.say(LAST)
    path = f"{proxy.folder}/engine.sock"
    assert (status(answer), message(answer)) == (
        502,
        f"socket proxy (launcher): no engine answers at {path}: No such file or directory",
    )
    assert (
        proxy.check().stderr.splitlines()[0].endswith("no engine answers at " + path + ': No such file or directory"}')
    )


def test_engine_that_closes_without_a_word(proxy: Running) -> None:
    proxy.engine.answer = just(b"")
    answer = proxy.say(LAST)
    assert (status(answer), message(answer)) == (
        502,
        "socket proxy (launcher): the engine closed the connection before its answer was complete",
    )


def test_engine_that_breaks_off_leaves_a_visibly_short_answer(proxy: Running) -> None:
    proxy.engine.answer = just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nso\r\n")
    answer = proxy.say(PING)
    assert answer.endswith(b"2\r\nso\r\n")


def test_engine_that_fails_a_lookup(proxy: Running) -> None:
    proxy.engine.answer = just(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
    answer = proxy.say(WAIT.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert (status(answer), message(answer)) == (
        502,
        "socket proxy (launcher): the engine answered 500 to GET /containers/abc/json",
    )


def test_stream_ends_at_the_engine_when_the_client_leaves(proxy: Running) -> None:
    left = threading.Event()

    def stream(client: socket.socket, request: bytes) -> None:
        if b"/json" in request:
            client.sendall(INSPECTED)
            return
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.recv(1) == b""
        left.set()

    proxy.engine.answer = stream
    with proxy.connect() as client:
        client.sendall(WAIT)
        read_until(client, b"\r\n\r\n")
        assert not left.is_set()
    assert left.wait(120)


def attach(client: socket.socket, request: bytes) -> None:
    """Answers as the engine does: sends back its input in capitals, and `bye` at the end of the input."""
    if b"/json" in request:
        client.sendall(INSPECTED)
        return
    assert b"\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" in request
    client.sendall(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: x/y\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello")
    while data := client.recv(65536):
        client.sendall(data.upper())
    client.sendall(b"bye")


ATTACH = b"POST /containers/abc/attach?stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"


def test_attach_carries_bytes_both_ways_and_each_end(proxy: Running) -> None:
    proxy.engine.answer = attach
    with proxy.connect() as client:
        client.sendall(ATTACH % b"tcp" + b"early ")
        head = read_until(client, b"helloEARLY ")
        assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: x/y\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n")
        client.sendall(b"GET /build HTTP/1.1\r\n\r\n")
        read_until(client, b"GET /BUILD HTTP/1.1\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"bye"


def test_no_other_protocol_is_changed_to(proxy: Running) -> None:
    proxy.engine.answer = lambda client, request: client.sendall(INSPECTED if b"/json" in request else OK)
    with proxy.connect() as client:
        client.sendall(ATTACH % b"h2c")
        read_until(client, b"ok")
        client.sendall(PING.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"))
        read_until(client, b"ok")
    assert not any(b"Upgrade" in request for request in proxy.engine.requests)


def test_each_refusal_is_one_line_without_secrets(proxy: Running) -> None:
    body = json.dumps({"a\nINFO forged": 1, "Env": ["PASSWORD=hunter2"]}).encode()
    auth = b"X-Registry-Auth: hunter2"
    proxy.say(create(b"Content-Length: %d" % len(body), auth, body=body))
    proxy.say(b"GET /_ping HTTP/1.1\r\nX-Registry-Auth : hunter2\r\n\r\n")
    proxy.say(b"POST /build?remote=http://u:hunter2@x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    log = proxy.stop()
    assert "hunter2" not in log
    assert [line.split(" ", 4)[4] for line in log.splitlines()] == [
        "refused role=launcher method=POST path=/containers/create status=403 reason=a\\nINFO forged is refused",
        "refused role=launcher method=- path=- status=400 reason=malformed HTTP: illegal header line",
        "refused role=launcher method=POST path=/build status=403 reason=this role may not call POST /build",
        "stopping",
    ]


def test_stops_cleanly_in_the_middle_of_a_stream(proxy: Running) -> None:
    def stream(client: socket.socket, request: bytes) -> None:
        client.sendall(INSPECTED if b"/json" in request else b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.recv(1)

    proxy.engine.answer = stream
    with proxy.connect() as streaming, proxy.connect() as idle:
        streaming.sendall(WAIT)
        read_until(streaming, b"\r\n\r\n")
        log = proxy.stop()
        assert rest(streaming) + rest(idle) == b""
    assert (proxy.process.returncode, log.count("\n")) == (0, 1)
    assert not list((proxy.folder / "listen").iterdir())


def test_stop_lets_an_answer_under_way_arrive_whole(proxy: Running) -> None:
    stopping = threading.Event()

    def answer(client: socket.socket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf"[:-2])
        stopping.wait(120)
        client.sendall(b"lf")

    proxy.engine.answer = answer
    with proxy.connect() as client:
        client.sendall(PING)
        read_until(client, b"ha")
        proxy.process.terminate()
        assert proxy.process.stderr
        assert "stopping" in proxy.process.stderr.readline()
        stopping.set()
        assert rest(client) == b"lf"


def test_check_of_a_healthy_proxy_is_silent(proxy: Running) -> None:
    found = proxy.check()
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
