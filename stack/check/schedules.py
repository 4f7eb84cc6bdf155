"""schedules.yml: when which deployment runs by itself, checked as a whole before anything is rendered."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from stack.check import schedule
from stack.core.errors import SiteError
from stack.core.nearest import advice
from stack.load import strictyaml, textfile

KIND = "schedules file"
DEFINITIONS = "definitions"  # for anchors, as in Prefect's own files
WAY = "in CLIENT_SCHEDULES"  # to name another
EXAMPLE = f"weather: [{{{schedule.FIELDS['cron'].example}}}]"
OWN_FILES = "(schedules of a file in client/deployments/ belong in that file)"

Schedules = dict[str, list[dict[str, Any]]]


def exists(path: Path) -> bool:
    return textfile.exists(path, WAY)


def load(path: Path, deployments: Collection[str]) -> Schedules:
    """The schedules of each deployment, as its deployment file has them. Raises SiteError with every fault.

    `deployments` are the names of those that the site has.
    """
    read: Schedules = {}
    faults: list[str] = []
    for name, entries in content(path).items():
        read[name], wrong = _examine(name, entries)
        faults += [f"{path.name}: {fault}" for fault in (*_of_name(name, deployments), *wrong)]
    if faults:
        raise SiteError(*faults)
    return read


def warnings(path: Path, read: Schedules) -> list[str]:
    """A line for each schedule that Prefect will run at another time than it says, or never."""
    return [
        f"warning: {path.name}: {name}[{n}]{warning}"
        for name, entries in read.items()
        for n, entry in enumerate(entries)
        for warning in schedule.warnings(entry)
    ]


def content(path: Path) -> dict[str, Any]:
    """The mapping that the file is; empty for a file of comments."""
    content = strictyaml.read(path.name, textfile.read(path, KIND, WAY))
    if content is not None and not (isinstance(content, dict) and all(isinstance(name, str) for name in content)):
        raise SiteError(f"{path.name}: this must be a mapping of deployments to schedules; write for example {EXAMPLE}")
    return {name: entries for name, entries in (content or {}).items() if name != DEFINITIONS}


def _examine(name: str, entries: object) -> tuple[list[dict[str, Any]], list[str]]:
    """The schedules of one deployment, and a line for each fault in them."""
    if entries is not None and not isinstance(entries, list):
        return [], [f"{name}: this must be a list of schedules; write for example {EXAMPLE}"]
    examined = [schedule.examine(entry) for entry in entries or []]
    faults = [f"{name}[{n}]{fault}" for n, (_, faults) in enumerate(examined) for fault in faults]
    return [read for read, _ in examined], [*faults, *_repeated(name, entries or [])]


def _of_name(name: str, deployments: Collection[str]) -> Iterator[str]:
    """A deployment is called without its flow; one of the user's own has its schedules in a file of its own."""
    if name not in deployments:
        instead = advice(name.rpartition("/")[2], sorted(deployments))
        yield f"{name}: there is no such deployment; {instead} {OWN_FILES}"


def _repeated(name: str, entries: list[Any]) -> Iterator[str]:
    """Schedules that registration could not tell from each other."""
    for n, entry in enumerate(entries):
        slugs = [other.get("slug") for other in entries[:n] if isinstance(other, dict)]
        if entry in entries[:n]:
            yield f"{name}[{n}]: the same as {name}[{entries.index(entry)}], and would run twice; leave one out"
        elif isinstance(entry, dict) and entry.get("slug") and entry["slug"] in slugs:
            yield f"{name}[{n}].slug: {entry['slug']!r} is used twice; give each schedule a slug of its own"
