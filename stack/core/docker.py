"""The `docker` command: every call of it, each with a time limit, and the one reading of its errors.

Standard library only: a bundle is loaded on a machine without any package.
"""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stack.core.errors import SiteError

# An engine that is busy, loading images for example, takes many seconds for a simple answer.
SECONDS = 60
# Containers that start or stop, images on their way: only a connection that hangs takes longer.
LONG_SECONDS = 4 * 3600
# How long a command has to end before it is killed.
END_SECONDS = 10


@dataclass(frozen=True)
class Result:
    """How a `docker` command ended."""

    status: int
    output: str = ""
    errors: str = ""

    @property
    def worked(self) -> bool:
        return self.status == 0

    @property
    def reason(self) -> str:
        """Why it failed, in one line for a message."""
        return last_line(self.errors)


class NoAnswerError(SiteError):
    """A `docker` command ran into its time limit; `reason` is that alone, for a message of the caller's."""

    def __init__(self, words: tuple[str, ...], seconds: float) -> None:
        self.reason = f"no answer within {seconds:g} s"
        super().__init__(f"`{shlex.join(('docker', *words))}`: {self.reason}; restart the Docker engine")


def docker(
    *words: str,
    seconds: float | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: str | IO[bytes] = "",
    shown: bool = False,
) -> Result:
    """Runs `docker WORDS` in a folder and waits for its end. `given` is its standard input.

    Its output goes to this terminal if it is `shown`. Raises SiteError if there is no such command, and
    NoAnswerError after so many seconds.
    """
    limit = SECONDS if seconds is None else seconds
    source = {"input": given} if isinstance(given, str) else {"stdin": given}
    try:
        done = subprocess.run(
            ["docker", *words],
            cwd=folder,
            env=own_environment(environment),
            timeout=limit,
            capture_output=not shown,
            text=True,
            errors="replace",
            check=False,
            **source,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswerError(words, limit) from None
    except FileNotFoundError:
        raise _not_found(folder) from None
    return Result(done.returncode, done.stdout or "", done.stderr or "")


def own_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Without what is set for Compose projects of others: a name, files, profiles, what to do with orphans.

    It would count for more than the file of the component. Which engine to use (DOCKER_HOST, DOCKER_CONTEXT) and for
    which platform (DOCKER_DEFAULT_PLATFORM) stays the user's choice.
    """
    given = os.environ if environment is None else environment
    return {name: value for name, value in given.items() if not name.startswith("COMPOSE_")}


def start(*words: str, **streams: int | IO[bytes]) -> "subprocess.Popen[bytes]":
    """Starts `docker WORDS` for a caller that reads its output or writes its input piece by piece."""
    try:
        return subprocess.Popen(["docker", *words], env=own_environment(), **streams)  # type: ignore[call-overload,no-any-return]
    except FileNotFoundError:
        raise _not_found(None) from None


def watched(*words: str, folder: Path, look: Callable[[], str], pause: float) -> Result:
    """Runs `docker WORDS`, and calls `look` every `pause` seconds meanwhile. What `look` returns, if anything, is the
    reason to end the command: then that is the reason of the result."""
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        _own_group(["docker", *words], folder, output, errors) as process,
    ):
        while True:
            try:
                status = process.wait(pause)
            except subprocess.TimeoutExpired:
                if reason := look():
                    return Result(1, errors=reason)
            else:
                return Result(status, _content(output), _content(errors))


@contextmanager
def _own_group(
    command: list[str], folder: Path, output: IO[bytes], errors: IO[bytes]
) -> "Iterator[subprocess.Popen[bytes]]":
    """A process whose plugin ends with it, as soon as nothing waits for it any more: an interrupt included."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise _not_found(folder) from None
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL) if process.poll() is None else ():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def last_line(errors: str) -> str:
    """The last line of a command's error output, which gives the reason."""
    lines = errors.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def _not_found(folder: Path | None) -> SiteError:
    """The system has one error for a command and for a folder that do not exist."""
    if folder and not folder.is_dir():
        return SiteError(f"{folder}: this folder does not exist; run `python render.py`")
    return SiteError("there is no `docker` command on this machine; install an engine with `make engine`")
