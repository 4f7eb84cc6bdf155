"""The machine that this program runs on: it answers what components ask."""

import socket
import tempfile
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.core.docker import Result, docker
from stack.core.errors import SiteError
from stack.core.machine import Login, Response
from stack.load import pem
from stack.run import engine, http
from stack.run.login import log_in


class ThisMachine:
    """Implements `Machine` for the site in the folder `root`. Its logins are removed at the end of a `with` block."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._logins: dict[tuple[str, str, str], Login] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @cached_property
    def engine_fault(self) -> str | None:
        return engine.unusable()

    def docker(self, *words: str, folder: str = "", given: str = "", seconds: float | None = None) -> Result:
        return docker(*words, folder=self.root / folder if folder else None, given=given, seconds=seconds)

    def login(self, address: str, user: str, password: str) -> Login:
        """Logs in once, however often it is asked."""
        key = (address, user, password)
        if key not in self._logins:
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
            self._logins[key] = log_in(folder, *key)
        return self._logins[key]

    def get(self, url: str, login: str = "") -> Response | None:
        return http.get(url, login)

    def read(self, path: str) -> bytes | None:
        try:
            return (self.root / path).read_bytes()
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def addresses(self, name: str) -> list[str]:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except OSError:
            return []
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def certificate_end(self, path: str) -> datetime | None:
        content = self.read(path)
        if content is None:
            return None
        try:
            return pem.ends(content)
        except ValueError:
            raise SiteError(f"{self.root / path}: this file contains no certificate; run `python render.py`") from None
