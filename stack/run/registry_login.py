"""This machine's engine, logged in to the site's registry; nothing of the login is left anywhere."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stack.components import registry
from stack.run import trust
from stack.settings.settings import Settings

LOGIN_SECONDS = 30
# An engine that runs reads the hosts file anew every five seconds; until then it may not know the registry's name.
NAMES_SECONDS = 7
UNKNOWN = "no such host"


@dataclass(frozen=True)
class Docker:
    """The docker command with the login of the site's user; `refusal` is why there is none, empty where there is."""

    environment: dict[str, str]
    refusal: str

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["docker", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)


@contextmanager
def logged_in(settings: Settings) -> Iterator[Docker]:
    """For as long as the block takes. The password goes through a pipe: the process list shows arguments."""
    with tempfile.TemporaryDirectory() as folder:
        # Another configuration would also mean another engine, for a user who has chosen one by `docker context`.
        environment = os.environ | {"DOCKER_HOST": _engine_address(), "DOCKER_CONFIG": folder}
        yield Docker(environment, _refusal(settings, environment))


def failure(settings: Settings, refusal: str, engine: str = "the engine") -> str:
    return f"{engine} cannot log in to {registry.address(settings)} ({refusal})"


def mend(reason: str) -> str:
    """What to do about what the engine says."""
    return next((mend for sign, mend in _MENDS.items() if sign in reason), "mend that, then ask again")


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"


def _refusal(settings: Settings, environment: dict[str, str]) -> str:
    """Why the login failed; empty where it did not."""
    deadline = time.monotonic() + NAMES_SECONDS
    while UNKNOWN in (refusal := _log_in(settings, environment)) and time.monotonic() < deadline:
        time.sleep(1)
    return refusal


def _log_in(settings: Settings, environment: dict[str, str]) -> str:
    address = registry.address(settings)
    command = ["docker", "login", "--username", settings.REGISTRY_USER, "--password-stdin", address]
    try:
        done = subprocess.run(
            command,
            input=settings.REGISTRY_PASSWORD,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LOGIN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {LOGIN_SECONDS} s"
    return last_line(done.stderr) if done.returncode else ""


_TRUST = f"run {trust.COMMAND}; if that has nothing to do, its engine is on another machine"
# What Docker says -> what to do.
_MENDS = {
    "401": "REGISTRY_PASSWORD is not the registry's; after a change in .env, `docker compose up -d` in registry/",
    "refused": "start it with `make up`",
    "no answer": "start it with `make up`, or correct REGISTRY_HOST and REGISTRY_PORT",
    "x509": _TRUST,
    UNKNOWN: _TRUST,
    "HTTP response to HTTPS": "REGISTRY_TLS=false: tell the engine that it may, as registry/README.md says",
}


def _engine_address() -> str:
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
