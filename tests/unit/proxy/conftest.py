"""The proxy's package on the path, and verdicts of its rules."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "socket-proxy"))

from socket_proxy.case import Allow, Ask, Deny, Facts, Limits, Request
from socket_proxy.policy import ROLES, Policy

from tests.unit.proxy import world


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: as root the proxy becomes somebody who could not enter it."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def judge() -> world.Judge:
    """The verdict on a request of a role; a body that is not bytes is sent as JSON."""

    def verdict(
        role: str, method: str, target: str, body: Any = b"", *, limits: Limits | None = None, **more: Any
    ) -> Allow | Deny:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        rules = Policy(ROLES[role], limits or world.limits(role))
        facts = Facts()
        while isinstance(found := rules.decide(Request(method, target, data, **more), facts), Ask):
            world.learn(found.question, facts)
        return found

    return verdict
