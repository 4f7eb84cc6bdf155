"""A command for a shell of somebody else, and the command's own output among all that this shell prints."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

# One line without `!`, as csh wants it. Start-up files may print, also without a newline at the end, and a wrapper may
# print more when the command has ended, or exit with a code of its own. So there is a mark before and after the output
# on both streams; the last one on stdout has the command's exit code. A mark comes in halves: a shell that repeats what
# it was given does not print it.
_FRAME = (
    'mark=$1$2; echo "$mark"; echo "$mark" >&2; sh -c "$3"; code=$?; printf "%s %s\\n" "$mark" "$code"; '
    'echo "$mark" >&2; exit "$code"'
)


@dataclass(frozen=True)
class MarkedCommand:
    """Shell commands, and a mark that is made for them."""

    script: str
    halves: tuple[str, str] = field(default_factory=lambda: (secrets.token_hex(8), secrets.token_hex(8)))

    @property
    def words(self) -> list[str]:
        """The program and its arguments."""
        return ["sh", "-c", _FRAME, "sh", *self.halves, self.script]

    def begun(self, stdout: bytes) -> bool:
        """Whether the shell got as far as the command."""
        return self._mark in stdout

    def answer(self, stdout: bytes) -> tuple[bytes, int] | None:
        """What the commands printed, and their exit code; None where they have not ended."""
        behind = stdout.partition(self._mark + b"\n")[2]
        printed, end, code = behind.partition(self._mark + b" ")
        return (printed, int(code.split()[0])) if end and code.split() else None

    def complaint(self, stderr: bytes) -> str:
        """What the commands said on stderr; all of it where the shell did not get as far as them."""
        behind = stderr.split(self._mark)[1:2] or [stderr]
        return behind[0].decode(errors="replace").strip()

    @property
    def _mark(self) -> bytes:
        return "".join(self.halves).encode()
