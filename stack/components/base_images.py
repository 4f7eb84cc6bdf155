"""The public images that a site's own begin with: what each must be, by what its name says and by what is in it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stack.settings.settings import Check, Fault, Rules, Settings

Version = tuple[int, ...]

# Names of public images that are clearly something else.
_OTHERS = ("alpine", "busybox", "debian", "mariadb", "minio", "mongo", "mysql", "nginx", "node", "ubuntu")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")
_OTHER_SYSTEM = re.compile(r"(?:^|[-.])(alpine|windowsservercore|nanoserver)")
_SYSTEMS = {"alpine": "Alpine", "windowsservercore": "Windows", "nanoserver": "Windows"}


@dataclass(frozen=True)
class Base:
    """The public image of which the setting `key` has the name.

    `product` is what its official name ends with, `wanted` what it must be, in words. Its version is at least `least`
    and, where `most` is given, not newer: both are compared as far as they go. `asks` is the command that prints the
    version. `tests` are shell commands that must succeed in it, each with what it lacks otherwise.
    """

    key: str
    product: str
    wanted: str
    asks: str
    least: Version
    most: Version = ()
    debian_only: bool = False
    needs_entry_point: bool = False
    tests: tuple[tuple[str, str], ...] = ()

    def name_fault(self, image: str) -> str:
        """Why an image of this name cannot be the right one; empty if the name does not say."""
        path, tag = _split(image)
        name = path.rpartition("/")[2]
        if name in _OTHERS or (name != self.product and name in _products()):
            return self._not(name)
        system = _OTHER_SYSTEM.search(tag)
        if system and self.debian_only:
            return self._not(f"made on {_SYSTEMS[system[1]]}")
        version = _VERSION.match(tag)
        if name == self.product and version and not self.has_version(version[1]):
            return self._not(f"version {version[1]}")
        return ""

    def has_version(self, text: str) -> bool:
        """`15` is also 15.18, and so is not older than it."""
        version = tuple(int(part) for part in text.split("."))
        return version >= self.least[: len(version)] and (not self.most or version[: len(self.most)] <= self.most)

    def _not(self, what: str) -> str:
        return f"the site needs {self.wanted}, and this is {what}"

    @property
    def script(self) -> str:
        """For `sh` in a container of the image: prints what `faults` reads."""
        tests = [f"({test}) >/dev/null 2>&1 || echo 'lacks {what}'" for test, what in self.tests]
        return "\n".join([f'echo "version $({self.asks} 2>/dev/null)"', *tests, "echo asked"])

    def faults(self, answer: str, entry_point: bool) -> list[str]:
        """What is wrong with the image that gave this answer to the script."""
        lines = answer.splitlines()
        said = next((line for line in lines if line.startswith("version ")), "").removeprefix("version ")
        lacks = [f"has no {line.removeprefix('lacks ')}" for line in lines if line.startswith("lacks ")]
        version = re.search(r"\d+(?:\.\d+)+", said) or re.search(r"\d+", said)
        if not version:
            return [f"has no `{self.asks.split()[0]}`"]
        wrong = [] if self.has_version(version[0]) else [f"is version {version[0]}"]
        without = ["has no entry point"] if self.needs_entry_point and not entry_point else []
        return wrong + lacks + without


BASES: Mapping[str, Base] = {
    "prefect": Base(
        key="BASE_IMAGE_PYTHON",
        product="python",
        wanted="Python 3.11 or later on Debian",
        asks="python3 --version",
        least=(3, 11),
        most=(3,),
        debian_only=True,
        tests=(
            ("command -v apt-get", "apt-get"),
            ("command -v useradd", "useradd"),
            ('python3 -c "import ensurepip, venv"', "venv module for Python"),
        ),
    ),
    "postgres": Base(
        key="BASE_IMAGE_POSTGRES",
        product="postgres",
        wanted="PostgreSQL 15 on Debian",
        asks="postgres --version",
        least=(15,),
        most=(15,),
        debian_only=True,
        needs_entry_point=True,
        tests=(
            ("test -x /usr/lib/postgresql/15/bin/pg_isready", "/usr/lib/postgresql/15/bin"),
            ('test "$PGDATA" = /var/lib/postgresql/data', "PGDATA=/var/lib/postgresql/data"),
        ),
    ),
    "redis": Base(
        key="BASE_IMAGE_REDIS",
        product="redis",
        wanted="Redis 6.2 or later",
        asks="redis-server --version",
        least=(6, 2),
        tests=(
            ("command -v redis-cli", "redis-cli"),
            ("command -v grep", "grep"),
        ),
    ),
    "registry": Base(
        key="BASE_IMAGE_REGISTRY",
        product="registry",
        wanted="the registry of the Distribution project, 2 or later",
        asks="registry --version",
        least=(2,),
        needs_entry_point=True,
        tests=(("busybox wget --help", "busybox with wget"),),
    ),
    "storage": Base(
        key="BASE_IMAGE_STORAGE",
        product="seaweedfs",
        wanted="SeaweedFS 4.48 or later",  # earlier ones lack some of the options in images/storage
        asks="weed version",
        least=(4, 48),
        # The package is of this kind; others cannot read its data.
        tests=(("weed version | grep 8000GB", "data format of a tag that ends in _large_disk"),),
    ),
}


def _products() -> set[str]:
    return {base.product for base in BASES.values()}


def _split(image: str) -> tuple[str, str]:
    """Path and tag of a reference; the tag may be empty."""
    name = image.partition("@")[0]
    path, colon, tag = name.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (name, "")


def _rule(base: Base) -> Check:
    def name_fits(settings: Settings) -> Iterator[Fault]:
        if reason := base.name_fault(getattr(settings, base.key)):
            yield Fault(base.key, reason)

    return name_fits


RULES: Rules = {_rule(base): (base.key,) for base in BASES.values()}
