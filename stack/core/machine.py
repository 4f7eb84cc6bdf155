"""What components ask about the machine of their site. Only questions: no answer changes anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # render does not need the engine
    from stack.core.docker import Result


@dataclass(frozen=True)
class Response:
    """The answer to an HTTP GET."""

    status: int
    body: str
    date: str

    @property
    def worked(self) -> bool:
        return self.status < 300


@dataclass(frozen=True)
class Login:
    """This machine's engine with a login to a registry; `refusal` is why it failed, empty if it worked."""

    environment: Mapping[str, str]
    refusal: str

    def docker(self, *words: str, seconds: float | None = None) -> "Result":
        from stack.core.docker import docker

        return docker(*words, environment=self.environment, seconds=seconds)


class Machine(Protocol):
    """Asks the engine, a URL or a file. A path is relative to the site's folder, or absolute."""

    @property
    def engine_fault(self) -> str | None:
        """Why containers cannot be used here, or None."""

    def docker(self, *words: str, folder: str = "", given: str = "", seconds: float | None = None) -> "Result":
        """Runs a `docker` command in a folder of the site; raises SiteError if it does not answer."""

    def login(self, address: str, user: str, password: str) -> Login:
        """Logs in to a registry, leaving nothing in the user's configuration."""

    def get(self, url: str, login: str = "") -> Response | None:
        """The answer of whatever listens there, refusals included; None if nothing answers."""

    def read(self, path: str) -> bytes | None:
        """The content of a file; None if it cannot be read."""

    def exists(self, path: str) -> bool: ...

    def addresses(self, name: str) -> list[str]:
        """What a host name resolves to on this machine."""

    def certificate_end(self, path: str) -> datetime | None:
        """When the certificate in a file expires; None if there is no such file."""
