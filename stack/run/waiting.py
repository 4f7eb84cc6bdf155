"""What the start of a component waits for: says it while it waits, and when there is no point in waiting longer.

`docker compose up --wait` is silent meanwhile, and its time limit does not hold for a service that waits for another
one (`depends_on: condition:`).
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stack.core.docker import NoAnswerError, docker

# Long enough for an initdb and a migration on a slow disk. It begins with the first container that is waited for:
# before that, Compose may have an image to pull or to build.
HEALTHY_SECONDS = 600
LOOK_SECONDS = 3
SAY_SECONDS = 15
# An engine waits twice as long before each restart of a container that ends at once: this is after some 6 seconds.
CRASHES = 5
# A container under another policy has done its work once it has ended.
RESTARTED = ("always", "unless-stopped")


@dataclass(frozen=True)
class Container:
    """A container as the engine describes it; `health` is empty without a health check."""

    identity: str
    service: str
    status: str
    health: str
    code: int
    restarts: int
    restarted: bool

    @property
    def failed(self) -> bool:
        if self.status == "exited":
            return self.restarted or self.code != 0
        return self.status in ("restarting", "dead") or self.health == "unhealthy" or (self.restarts > 0 and self.open)

    @property
    def open(self) -> bool:
        """Whether a start has to wait for it."""
        if self.status == "running":
            return not self.restarted if not self.health else self.health != "healthy"
        return self.status != "exited" or self.code != 0 or self.restarted

    @property
    def state(self) -> str:
        if self.status == "running":
            state = {"": "at work", "unhealthy": "unhealthy"}.get(self.health, "not healthy yet")
        elif self.status == "created":
            state = "not started yet"
        else:
            state = f"{self.status}, exit code {self.code}"
        return f"{state}, restarts: {self.restarts}" if self.restarts else state


class Progress:
    """Says from time to time what is waited for, and for how long so far. `prefix` begins each line."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._began = self._said = time.monotonic()

    def say(self, what: str) -> None:
        now = time.monotonic()
        if now - self._said >= SAY_SECONDS:
            self._said = now
            print(f"{self._prefix}after {now - self._began:.0f} s, waiting for {what}", flush=True)


class Waiting:
    """Looks at the containers of a component again and again."""

    def __init__(self, name: str, containers: Callable[[], list[Container]]) -> None:
        self._containers = containers
        self._progress = Progress(f"{name}: ")
        self._first: float | None = None
        self._restarts: dict[str, int] = {}

    def look(self) -> str:
        """Says what is waited for, from time to time; returns why there is no point in waiting longer, if so."""
        try:
            found = [container for container in self._containers() if container.open]
        except NoAnswerError as error:
            self._progress.say(f"the Docker engine: {error.reason}")
            return ""
        now = time.monotonic()
        if found and self._first is None:
            self._first = now
        if looping := [container for container in found if self._loops(container)]:
            return f"{_listed(looping)}: it ends each time soon after its start"
        if self._first is not None and now - self._first > HEALTHY_SECONDS:
            return f"not healthy within {HEALTHY_SECONDS:g} s: {_listed(found) or 'Compose does not end'}"
        self._progress.say(_listed(found) or "Compose, which prepares images and containers")
        return ""

    def _loops(self, container: Container) -> bool:
        """Whether it has ended again after a restart that was seen: the first one may have cured it."""
        before = self._restarts.setdefault(container.identity, container.restarts)
        return container.status == "restarting" and container.restarts >= max(CRASHES, before + 1)


def inspected(identities: list[str]) -> list[Container]:
    """The containers with these ids; without those that are gone meanwhile."""
    if not identities:
        return []
    found = docker("inspect", "--type", "container", *identities).output
    return [_container(each) for each in json.loads(found or "[]")]


def to_blame(containers: Iterable[Container]) -> list[str]:
    """The services whose logs say why a start failed: those that failed, else those that were waited for."""
    found = list(containers)
    blamed = [each for each in found if each.failed] or [each for each in found if each.open]
    return list(dict.fromkeys(each.service for each in blamed if each.status != "created"))


def _container(shown: dict[str, Any]) -> Container:
    state = shown["State"]
    return Container(
        identity=shown["Id"],
        service=shown["Config"]["Labels"].get("com.docker.compose.service", shown["Name"]),
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        code=state["ExitCode"],
        restarts=shown["RestartCount"],
        restarted=shown["HostConfig"]["RestartPolicy"]["Name"] in RESTARTED,
    )


def _listed(containers: Iterable[Container]) -> str:
    """Without those that have not begun, because they wait for the others."""
    found = list(containers)
    begun = [each for each in found if each.status != "created"] or found
    return ", ".join(dict.fromkeys(f"{each.service} ({each.state})" for each in begun))
