"""Logs this machine's engine in to a registry, in a configuration of its own that the caller removes."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from stack.core.docker import NoAnswerError, docker
from stack.core.machine import Login

LOGIN_SECONDS = 30
# A running engine reads the hosts file again every five seconds; until then it may not know the registry's name.
NAMES_SECONDS = 7
UNKNOWN = "no such host"


def log_in(folder: Path, address: str, user: str, password: str) -> Login:
    """Stores the login in the folder. The password goes through a pipe, because the process list shows arguments."""
    # With another configuration, docker would forget which engine the user has chosen by `docker context`.
    environment = os.environ | {"DOCKER_HOST": _engine_address(), "DOCKER_CONFIG": str(folder)}
    deadline = time.monotonic() + NAMES_SECONDS
    while UNKNOWN in (refusal := _refusal(environment, address, user, password)) and time.monotonic() < deadline:
        time.sleep(1)
    return Login(environment, refusal)


def _refusal(environment: Mapping[str, str], address: str, user: str, password: str) -> str:
    """Why the login failed; empty if it worked."""
    command = ("login", "--username", user, "--password-stdin", address)
    try:
        done = docker(*command, environment=environment, given=password, seconds=LOGIN_SECONDS)
    except NoAnswerError as error:
        return error.reason
    return "" if done.worked else done.reason


def _engine_address() -> str:
    return docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").output.strip()
