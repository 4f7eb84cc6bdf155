"""`doctor`: an engine that answers, and one that stops answering; whose ports are whose; the server's own findings."""

import shlex
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack import site
from stack.components import dockerworkers, server
from stack.components.all import ALL
from stack.components.component import Component
from stack.components.worker_dind import WORKER_DIND
from stack.core import docker
from stack.core.docker import NoAnswerError
from stack.core.errors import SiteError
from stack.core.finding import FAIL, Finding
from stack.core.machine import Machine, Response
from stack.doctor import doctor
from stack.run import engine, nested
from stack.run.machine import ThisMachine
from stack.settings.settings import Settings
from stack.site import Site
from tests.sites import free_ports

HANGS = "exec sleep 60"


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, **commands: str) -> None:
    """A `docker` that runs a line of shell for each of its commands, and is true for others."""
    cases = "".join(f"{name}) {line} ;;\n" for name, line in commands.items())
    (folder / "docker").write_text(f'#!/bin/sh\ncase "$1" in\n{cases}esac\n')
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def load(folder: Path, settings: str) -> Site:
    (folder / ".env").write_text(settings)
    return site.load(folder / ".env", folder)


class TestDocker:
    def test_a_command_that_takes_too_long_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, info=HANGS)
        began = time.monotonic()
        with pytest.raises(NoAnswerError) as ended:
            docker.docker("info", "--format", "{{.ID}}", seconds=0.2)
        assert time.monotonic() - began < 30
        assert ended.value.faults == (
            "`docker info --format '{{.ID}}'`: no answer within 0.2 s; restart the Docker engine",
        )
        assert ended.value.reason == "no answer within 0.2 s"

    def test_the_default_limit_holds_for_every_call(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, ps=HANGS)
        monkeypatch.setattr(docker, "SECONDS", 0.2)
        with pytest.raises(NoAnswerError):
            docker.docker("ps")

    def test_what_it_reads_says_and_returns(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, load="cat; echo first >&2; echo last >&2; exit 3")
        result = docker.docker("load", given="layers")
        assert (result.status, result.output, result.errors) == (3, "layers", "first\nlast\n")
        assert (result.worked, result.reason) == (False, "last")
        assert docker.Result(1).reason == "no reason given"

    def test_no_command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        for call in (docker.docker, docker.start):
            with pytest.raises(SiteError) as refused:
                call("ps")
            assert refused.value.faults == (
                "there is no `docker` command on this machine; install an engine with `make engine`",
            )

    def test_a_folder_that_is_not_rendered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch)
        with pytest.raises(SiteError) as refused:
            docker.docker("compose", "ps", folder=tmp_path / "server")
        assert refused.value.faults == (f"{tmp_path}/server: this folder does not exist; run `python render.py`",)


class TestAnEngineThatStopsAnswering:
    def test_is_a_finding_and_the_other_findings_follow(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        program(tmp_path, monkeypatch, version="echo 26.1.5", compose="echo 2.26.1", info=HANGS)
        monkeypatch.setattr(docker, "SECONDS", 0.5)
        (port,) = free_ports(1)
        assert doctor.run(load(tmp_path, f"COMPONENTS=server\nSERVER_PORT={port}\n")) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[:3] == [
            "ok   Docker engine 26.1.5",
            "ok   Docker Compose 2.26.1",
            f"ok   port {port} on 127.0.0.1 is free",
        ]
        assert [line for line in lines if line.startswith("FAIL")] == [
            "FAIL `docker info --format '{{.DockerRootDir}}'`: no answer within 0.5 s; restart the Docker engine"
        ]
        assert lines[-1] == f"note no API answers at http://127.0.0.1:{port}/api; start it with `make up`"

    def test_is_asked_for_its_state_only_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, version=f"echo asked >> {shlex.quote(str(tmp_path / 'asked'))}; {HANGS}")
        monkeypatch.setattr(engine, "ANSWER_SECONDS", 0.2)
        (port,) = free_ports(1)
        made = load(tmp_path, f"COMPONENTS=server worker-dind registry\nREGISTRY_PORT={port}\n")
        found = [each.line() for each in doctor.findings(made, ThisMachine(tmp_path))]
        assert found[0] == (
            "FAIL the Docker daemon gave no answer within 0.2 s; "
            "wait until the machine is less busy, or restart the engine"
        )
        assert (tmp_path / "asked").read_text() == "asked\n"

    def test_stops_up_in_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, image=HANGS)
        (tmp_path / "worker-docker").mkdir()
        monkeypatch.setattr(docker, "SECONDS", 0.2)
        made = load(tmp_path, "COMPONENTS=server worker-dind\n")
        monkeypatch.setattr(dockerworkers, "ask", lambda *_: docker.Result(1))
        with pytest.raises(SiteError) as refused:
            nested.prepare(made, WORKER_DIND)
        (fault,) = refused.value.faults
        assert fault.startswith("`docker image inspect localhost/prefect-site/flows:")
        assert fault.endswith("`: no answer within 0.2 s; restart the Docker engine")


def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = load(tmp_path, f"COMPONENTS=storage\nSTORAGE_PORT={port}\n")
        machine = ThisMachine(tmp_path)
        machine.get = lambda url, login="": None  # type: ignore[method-assign]
        assert [each.line() for each in doctor.ports(made, machine)] == [
            f"FAIL port {port} on 127.0.0.1 is not available (Address already in use); "
            "stop the program that uses it, or set another STORAGE_PORT"
        ]


class Api(BaseHTTPRequestHandler):
    """A server whose version and clock a test chooses; it refuses every login but one."""

    version, behind, login = "3.9.1", 0.0, ""

    def do_GET(self) -> None:
        refused = self.path == "/api/admin/version" and self.headers["Authorization"] != self.login
        self.send_response_only(401 if refused else 200)
        self.send_header("Date", formatdate(time.time() - self.behind))
        self.end_headers()
        self.wfile.write(f'"{self.version}"'.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Api, "login", "Basic YWRtaW46cGFzcw==")  # admin:pass
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_port
        listening.shutdown()


def of_server(folder: Path, port: int, login: str = "admin:pass") -> list[str]:
    made = load(folder, f"COMPONENTS=server\nSERVER_PORT={port}\nPREFECT_API_AUTH_STRING={login}\n")
    return [each.line() for each in server.findings(made.settings, ThisMachine(folder))]


class TestServer:
    def test_one_that_is_right(self, tmp_path: Path, api: int, monkeypatch: pytest.MonkeyPatch) -> None:
        version = load(tmp_path, "COMPONENTS=server\n").settings.PREFECT_VERSION
        monkeypatch.setattr(Api, "version", version)
        assert of_server(tmp_path, api) == [
            f"ok   the API answers at http://127.0.0.1:{api}/api",
            "ok   this clock agrees with the server's",
            f"ok   the server is Prefect {version}, this site {version}",
        ]

    def test_another_clock(self, tmp_path: Path, api: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Api, "behind", 3600)
        start, _, end = of_server(tmp_path, api)[1].partition("360")
        assert start == "FAIL this clock and the server's differ by "
        assert end[1:] == " s; set both by NTP: schedules and the detection of late runs depend on the clock"

    def test_an_older_one(self, tmp_path: Path, api: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Api, "version", "3.0.11")
        wanted = load(tmp_path, "COMPONENTS=server\n").settings.PREFECT_VERSION
        assert of_server(tmp_path, api)[-1] == (
            f"FAIL the server is Prefect 3.0.11, older than this site's {wanted}; "
            "update the server first: an older one refuses newer clients"
        )

    def test_a_login_that_it_refuses(self, tmp_path: Path, api: int) -> None:
        assert of_server(tmp_path, api, "admin:another")[-1] == (
            "FAIL the API refuses the login of PREFECT_API_AUTH_STRING; "
            "copy the server's; if it changed there, run `docker compose up -d` in server/"
        )


def test_a_component_needs_no_more_than_a_machine_that_answers(tmp_path: Path) -> None:
    """The interface is all that its findings use: a stand-in without engine, network or disk will do."""

    class Deaf:
        engine_fault = None

        def get(self, url: str, login: str = "") -> Response | None:
            return None

    settings = load(tmp_path, "COMPONENTS=agent\nPREFECT_API_URL=http://p/api\nSERVER_AUTH=false\n").settings
    (found,) = server.findings(settings, Deaf())  # type: ignore[arg-type]
    assert (found.status, found.what) == (FAIL, "no API answers at http://p/api")
    assert found.advice == "check PREFECT_API_URL, the network, and whether the server runs"


def test_a_component_is_asked_because_it_is_in_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in doctor names it."""

    def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
        yield Finding(FAIL, f"{settings.SITE} has no echo", "shout")

    echo = Component(noun="echo", name="echo", findings=findings)
    monkeypatch.setattr(doctor, "ALL", (*ALL, echo))
    program(tmp_path, monkeypatch, version="exit 1")
    made = load(tmp_path, "COMPONENTS=storage\n")
    assert "FAIL prefect-site has no echo; shout" in [
        each.line() for each in doctor.findings(made, ThisMachine(tmp_path))
    ]
