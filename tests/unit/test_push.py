"""Logging in to the registry and pushing to it, with a docker command that says what an engine would say."""

import shlex
from pathlib import Path

import pytest

from stack import site
from stack.components import registry
from stack.core.errors import SiteError
from stack.run import engine, login, push
from stack.run.machine import ThisMachine
from stack.site import Site

ADDRESS = "registry:5000"
ASK_TRUST = "run `make trust-registry` as root; if that changes nothing, the engine runs on another machine"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose machine is said to lack nothing."""
    (tmp_path / ".env").write_text(
        "COMPONENTS=registry worker-docker\nSERVER_AUTH=false\nPREFECT_API_URL=http://p/api\n"
    )
    monkeypatch.setattr(registry, "missing", lambda *_: iter(()))
    monkeypatch.setattr(engine, "unusable", lambda: None)
    monkeypatch.setattr(login, "NAMES_SECONDS", 0)
    return site.load(tmp_path / ".env", tmp_path)


def docker_says(folder: Path, monkeypatch: pytest.MonkeyPatch, **commands: str) -> Path:
    """A `docker` that runs a line of shell for each of its commands, true for others; gives the log of its calls."""
    log = folder / "calls"
    cases = "".join(f"{name}) {line} ;;\n" for name, line in commands.items())
    script = f'#!/bin/sh\necho "$*" >> {shlex.quote(str(log))}\ncase "$1" in\n{cases}esac\n'
    (folder / "docker").write_text(script)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return log


def said_of_registry(made: Site) -> list[str]:
    with ThisMachine(made.root) as machine:
        return [one.line() for one in registry.findings(made.settings, machine)]


def fails(words: str) -> str:
    return f"cat > /dev/null; echo {shlex.quote(words)} >&2; exit 1"


@pytest.mark.parametrize(
    "said",
    [
        (
            "FAIL",
            f"login attempt to https://{ADDRESS}/v2/ failed with status: 401 Unauthorized",
            "REGISTRY_PASSWORD differs from the registry's; "
            "after a change in .env, run `docker compose up -d` in registry/",
        ),
        ("note", "dial tcp 0.0.0.0:5000: connect: connection refused", "start it with `make up`"),
        ("FAIL", "tls: failed to verify certificate: x509: certificate signed by unknown authority", ASK_TRUST),
        ("FAIL", "dial tcp: lookup registry on 10.0.0.1:53: no such host", ASK_TRUST),
        (
            "FAIL",
            "http: server gave HTTP response to HTTPS client",
            "REGISTRY_TLS=false: allow that in the engine (registry/README.md)",
        ),
        ("FAIL", "something new", "correct that and try again"),
    ],
)
def test_doctor_says_what_to_do_about_a_refused_login(
    made: Site, said: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, words, advice = said
    docker_says(tmp_path, monkeypatch, login=fails(words))
    assert said_of_registry(made) == [f"{status} the engine cannot log in to {ADDRESS} ({words}); {advice}"]


def test_doctor_waits_no_longer_than_it_says(made: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "LOGIN_SECONDS", 0.2)
    docker_says(tmp_path, monkeypatch, login="exec sleep 60")
    assert said_of_registry(made) == [
        f"FAIL the engine cannot log in to {ADDRESS} (no answer within 0.2 s); "
        "start it with `make up`, or correct REGISTRY_HOST and REGISTRY_PORT"
    ]


def test_an_engine_that_has_not_read_the_hosts_file_yet_is_asked_again(
    made: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "NAMES_SECONDS", 60)
    once = f"test -e {tmp_path}/asked || {{ touch {tmp_path}/asked; {fails('lookup registry: no such host')}; }}"
    docker_says(tmp_path, monkeypatch, login=once)
    assert said_of_registry(made) == [f"ok   the engine logs in to {ADDRESS} as prefect"]


def test_a_push_that_is_refused_says_why(made: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = f"Get https://{ADDRESS}/v2/: dial tcp: connect: connection refused"
    log = docker_says(tmp_path, monkeypatch, manifest="exit 1", push=fails(reason))
    said: list[str] = []
    with pytest.raises(SiteError) as refused:
        push.push(made, said.append)
    (fault,) = refused.value.faults
    assert fault.startswith(f"image flights: {ADDRESS}/prefect-site/flights:3.9.1-")
    assert fault.endswith(f" cannot be pushed ({reason}); start it with `make up`")
    assert said == [f"image flights: pushing it to {ADDRESS}"]
    assert log.read_text().splitlines()[1] == f"login --username prefect --password-stdin {ADDRESS}"


def test_a_refused_login_ends_the_push(made: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_says(tmp_path, monkeypatch, login=fails("401 Unauthorized"))
    with pytest.raises(SiteError) as refused:
        push.push(made, print)
    assert refused.value.faults == (
        f"the engine cannot log in to {ADDRESS} (401 Unauthorized); REGISTRY_PASSWORD differs from the registry's; "
        "after a change in .env, run `docker compose up -d` in registry/",
    )


def test_nothing_is_asked_where_nothing_is_to_be_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No workers that make containers, or no registry."""
    log = docker_says(tmp_path, monkeypatch, login="exit 1")
    for components in ("server registry", "server worker-docker"):
        (tmp_path / ".env").write_text(f"COMPONENTS={components}\n")
        push.push(site.load(tmp_path / ".env", tmp_path), print)
    assert not log.exists()
