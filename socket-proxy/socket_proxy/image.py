"""Image references: read as the engine reads them, and passed on in their full form.

The engine takes a short name that it does not find for the beginning of an image id. In its full form, with the
registry first, a reference can only be a name: https://pkg.go.dev/github.com/distribution/reference
"""

import re
from dataclasses import dataclass

_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_REFERENCE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PATH}(?:/{_PATH})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LONGEST = 255
HUB = "docker.io"
_HUB_ALIASES = {"index.docker.io", "registry-1.docker.io"}


@dataclass(frozen=True)
class Reference:
    """`repository` begins with the registry. Without tag and digest the tag is `latest`, as for the engine."""

    repository: str
    tag: str
    digest: str

    @property
    def registry(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def full(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def parse(text: str) -> Reference:
    """Raises ValueError for anything else, such as an image id."""
    match = _REFERENCE.fullmatch(_with_registry(text))
    if match is None or len(text) > _LONGEST:
        raise ValueError(f"{text!r} is not an image reference")
    digest = match["digest"] or ""
    return Reference(f"{match['host']}/{match['path']}", match["tag"] or ("" if digest else "latest"), digest)


def _with_registry(text: str) -> str:
    """The engine's own rule: the part before the first slash is a registry if it looks like a host."""
    first, slash, rest = text.partition("/")
    if slash and (re.search(r"[.:]", first) or first == "localhost" or first != first.lower()):
        return f"{HUB if first in _HUB_ALIASES else first}/{_in_library(first, rest)}"
    return f"{HUB}/{_in_library(HUB, text)}"


def _in_library(registry: str, path: str) -> str:
    is_hub = registry == HUB or registry in _HUB_ALIASES
    return f"library/{path}" if is_hub and "/" not in path else path


@dataclass(frozen=True)
class Pattern:
    """Images that a setting allows: all below `prefix`, or `repository` in any version or in one."""

    prefix: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""

    @property
    def registry(self) -> str:
        return (self.prefix or self.repository).partition("/")[0]

    def allows(self, reference: Reference) -> bool:
        if self.prefix:
            return reference.repository.startswith(self.prefix)
        # If a reference has both, the engine uses the digest; so a pattern with only a tag allows no digest.
        digest = self.digest or ("" if self.tag else reference.digest)
        wanted = (self.repository, self.tag or reference.tag, digest)
        return wanted == (reference.repository, reference.tag, reference.digest)


def pattern(text: str) -> Pattern:
    """`registry.example.org:5000/*`, `team/*`, `team/image` or `team/image:1.4`; raises ValueError for others."""
    if text.endswith("/*"):
        return Pattern(prefix=parse(f"{text[:-2]}/x/x").repository.removesuffix("x/x"))
    reference = parse(text)
    has_version = ":" in text.rpartition("/")[2]
    return Pattern(repository=reference.repository, tag=reference.tag if has_version else "", digest=reference.digest)


def registry_of(address: str) -> str:
    """The registry in the address of a login: docker.io for `https://index.docker.io/v1/`."""
    host = re.sub(r"^https?://", "", address).partition("/")[0] or HUB
    return HUB if host in _HUB_ALIASES else host
