"""The apt configuration of this machine: the part that builds of images use."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Settings that decide whether apt can reach and trust a mirror.
_TREES = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::ForceIPv4")
# Paths of this machine, which a container does not have.
_PATHS = re.compile(r"::(CAInfo|CAPath|SslCert|SslKey|CrlFile|Proxy-Auto-Detect)\b")
_ONE_LINE = re.compile(r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$", re.MULTILINE)
_FIELD = re.compile(r"^([\w-]+):[ \t]*(.*)$", re.MULTILINE)
_SUITES = ("", "-updates", "-security")
_DEBIAN_KEYS = "debian-archive"


@dataclass(frozen=True)
class Source:
    """One archive in one suite."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str

    @property
    def is_debian(self) -> bool:
        """Other vendors use Debian's names of suites as well, but sign with their own keys."""
        return "main" in self.components and (not self.signed_by or _DEBIAN_KEYS in self.signed_by)

    def line(self, suite: str) -> str:
        option = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {option}{self.uri} {suite} main"


def sources(release: str, etc: Path = Path("/etc/apt"), os_release: Path = Path("/etc/os-release")) -> list[str]:
    """Lines of sources.list for a Debian release, from this machine's own sources.

    On a Debian of another release, that name is replaced. Empty if the machine has no source of Debian.
    """
    own = re.search(r'^VERSION_CODENAME="?(\w+)', os_release.read_text(), re.MULTILINE) if os_release.exists() else None
    known = [source for source in _all(etc) if source.is_debian]
    for codename in (release, own[1] if own else release):
        suites = {codename + suffix: release + suffix for suffix in _SUITES}
        found = [source.line(suites[source.suite]) for source in known if source.suite in suites]
        if found:
            return found
    return []


def configuration() -> str:
    """Proxies, checks and certificates that apt on this machine uses; empty without apt."""
    try:
        return subprocess.run(["apt-config", "dump", *_TREES], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return ""


def container_configuration(ca: str) -> str:
    """The same for apt in a container; `ca` is the path of the certificates there, empty for the container's own."""
    lines = [line for line in configuration().splitlines() if not _PATHS.search(line)]
    lines += ['Acquire::Languages "none";', *([f'Acquire::https::CAInfo "{ca}";'] if ca else [])]
    return "\n".join(lines) + "\n"


def _all(etc: Path) -> Iterator[Source]:
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]:
        if path.suffix == ".list" and path.exists():
            yield from _one_line(path.read_text())
        elif path.suffix == ".sources":
            yield from _deb822(path.read_text())


def _one_line(text: str) -> Iterator[Source]:
    for options, uri, suite, components in _ONE_LINE.findall(text):
        signed_by = re.search(r"signed-by=(\S+)", options)
        yield Source(uri, suite, tuple(components.split()), signed_by[1] if signed_by else "")


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        field = {name.lower(): value.split() for name, value in _FIELD.findall(stanza)}
        if "deb" in field.get("types", []) and field.get("enabled") != ["no"]:
            signed_by = " ".join(field.get("signed-by", []))
            for uri in field.get("uris", []):
                for suite in field.get("suites", []):
                    yield Source(uri, suite, tuple(field.get("components", [])), signed_by)
