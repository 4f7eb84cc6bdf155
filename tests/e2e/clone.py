"""A fresh clone of this repo, used through its Makefile as the README says."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tests import sites
from tests.e2e import running
from tests.sites import REPO, SiteUnderTest

NOTHING: Mapping[str, object] = MappingProxyType({})
NO_ENGINE = "unix:///nowhere/docker.sock"
PYTHON = Path(sys.base_prefix) / "bin" / "python3"


@dataclass
class Clone:
    """The clone's folder; `said` are the lines of the command that last had to `say`."""

    root: Path
    site: SiteUnderTest = field(init=False)
    said: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> "Clone":
        """What is committed, and nothing else."""
        subprocess.run(["git", "clone", "--quiet", REPO, folder / "site"], check=True, capture_output=True)
        return cls(folder / "site")

    def configure(self, more: Mapping[str, object] = NOTHING, **environment: str) -> None:
        """`make render`, then an editor: a name, ports and labels of this test's own, and `more` settings."""
        rendered = self.make_target("render", **environment)
        assert rendered.returncode == 0, rendered.stderr
        port, health_port = sites.free_ports(2)
        self.site = SiteUnderTest(f"c{port}", self.root, port)
        mine = {
            "SITE": self.site.name,
            "SERVER_PORT": port,
            "AGENT_HEALTH_PORT": health_port,
            "SITE_LABELS": sites.SITE_LABELS,
            **more,
        }
        path = self.root / ".env"
        text = path.read_text()
        for key, value in mine.items():
            text, count = re.subn(f"^{key}=.*$", f"{key}={value}", text, flags=re.MULTILINE)
            assert count == 1, key
        path.write_text(text)

    def make_target(self, target: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return running.shell(self.root, f"make --no-print-directory {target} PYTHON={PYTHON}", **environment)

    def say(self, done: "subprocess.CompletedProcess[str]") -> None:
        assert done.returncode == 0, done.stdout + done.stderr
        self.said = done.stdout.splitlines()

    def files(self) -> Iterator[Path]:
        """Every file of the clone and its site, without Python's environment and what processes write."""
        apart = {self.root / name for name in (".venv", ".git", ".cache", ".site/processes")}
        for path in self.root.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not apart & set(path.parents):
                yield path

    def processes(self) -> list[int]:
        """Every process that was started from this folder, or works in it."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._is_ours(path)]

    def commands(self) -> dict[int, bytes]:
        """The command line of each of these processes, without those that end meanwhile."""
        found = {}
        for pid in self.processes():
            with suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
        return found

    def end_processes(self) -> None:
        """What a failed test leaves running."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def _is_ours(self, process: Path) -> bool:
        try:
            folder, command = (process / "cwd").readlink(), (process / "cmdline").read_bytes()
        except OSError:  # ended, or of another user
            return False
        return folder.is_relative_to(self.root) or os.fsencode(self.root) in command
