"""Files as a plan: what is written, with which mode, and how it differs from what is on the disk."""

import difflib
from dataclasses import dataclass

PUBLIC = 0o644
PRIVATE = 0o600
# Independent of the umask: an unprivileged user of a container reads what is mounted from it.
FOLDER_MODE = 0o755
# An unprivileged user of a container reads it through a bind mount; its folder is closed to everybody else.
MOUNTED_SECRET = 0o444
SECRET_FOLDER = "secrets"  # noqa: S105  # a name
PROFILE_FOLDER = "profile"
# Only their owner may enter.
CLOSED_FOLDERS = (SECRET_FOLDER, PROFILE_FOLDER)
CLOSED_FOLDER_MODE = 0o700


@dataclass(frozen=True)
class File:
    """One file of a site: its path relative to the output folder, its content and its mode.

    `note` is printed when the file is written.
    """

    path: str
    content: bytes
    mode: int = PUBLIC
    note: str = ""

    @property
    def is_secret(self) -> bool:
        return self.mode != PUBLIC and self.mode != PUBLIC | 0o111


@dataclass(frozen=True)
class Change:
    """A difference between plan and disk: `new`, `changed`, `mode` or `gone`.

    `opened` are the files and folders outside the plan that containers must be able to read, and cannot.
    """

    kind: str
    path: str
    before: bytes = b""
    after: bytes = b""
    is_secret: bool = False
    note: str = ""
    opened: tuple[str, ...] = ()

    def line(self) -> str:
        return f"{self.kind:8}{self.path}" + (f" ({self.note})" if self.note else "")

    def diff(self) -> str:
        """A unified diff; for a secret, only that it differs."""
        if self.is_secret or b"\0" in self.before + self.after:
            return f"--- {self.path}\n+++ {self.path}\n(content not shown)\n"
        lines = difflib.unified_diff(_lines(self.before), _lines(self.after), self.path, self.path)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n" for line in lines)


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines(keepends=True)
