"""schedules.yml: when which deployment runs by itself, checked as a whole before anything is rendered."""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from stack.check import schedule
from stack.core.errors import SiteError
from stack.load import textfile
from stack.load.strictyaml import BROKEN, Loader

KIND = "schedules file"
WAY = "in CLIENT_SCHEDULES"  # to name another
EXAMPLE = f"weather: [{{{schedule.FIELDS['cron'].example}}}]"

Schedules = dict[str, list[dict[str, Any]]]


def exists(path: Path) -> bool:
    return textfile.exists(path, WAY)


def load(path: Path, deployments: Collection[str]) -> Schedules:
    """The schedules of each deployment as its deployment file has them; raises SiteError with every fault.

    `deployments` are the names of those that the site has.
    """
    content = _content(path)
    faults = [f"{path.name}: {fault}" for name in content for fault in _faults(name, content[name], deployments)]
    if faults:
        raise SiteError(*faults)
    return {name: [schedule.examine(entry)[0] for entry in entries or []] for name, entries in content.items()}


def _content(path: Path) -> dict[str, Any]:
    """The mapping that the file is; empty for a file of comments."""
    content = _parse(path.name, textfile.read(path, KIND, WAY))
    if content is not None and not (isinstance(content, dict) and all(isinstance(name, str) for name in content)):
        raise SiteError(f"{path.name}: this is no mapping of deployments to schedules; write for example {EXAMPLE}")
    return content or {}


def _faults(name: str, entries: object, deployments: Collection[str]) -> Iterator[str]:
    if name not in deployments:
        yield f"{name}: there is no such deployment; {_nearest(name, deployments)}"
    if entries is not None and not isinstance(entries, list):
        yield f"{name}: this is no list of schedules; write for example {EXAMPLE}"
    elif entries:
        yield from (f"{name}[{n}]{fault}" for n, entry in enumerate(entries) for fault in schedule.examine(entry)[1])
        yield from _repeated(name, entries)


def _repeated(name: str, entries: list[Any]) -> Iterator[str]:
    """Schedules that registration could not tell from each other."""
    for n, entry in enumerate(entries):
        slugs = [other.get("slug") for other in entries[:n] if isinstance(other, dict)]
        if entry in entries[:n]:
            yield f"{name}[{n}]: the same as {name}[{entries.index(entry)}], and would run twice; leave one out"
        elif isinstance(entry, dict) and entry.get("slug") and entry["slug"] in slugs:
            yield f"{name}[{n}].slug: {entry['slug']!r} stands twice; give each schedule a slug of its own"


def _nearest(name: str, deployments: Collection[str]) -> str:
    """A deployment is called without its flow; one of the user's own has its schedules in a file of its own."""
    last = name.rpartition("/")[2]
    close = [last] if last in deployments else difflib.get_close_matches(name, deployments, n=1)
    known = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(deployments))}"
    return f"{known} A file in client/deployments/ has its schedules in itself"


def _parse(name: str, text: str) -> Any:
    try:
        return yaml.load(text, Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SiteError(f"{name}{line}: {error.problem}; mend the YAML there") from None
    except (yaml.YAMLError, *BROKEN) as error:
        raise SiteError(f"{name}: this is no YAML: {' '.join(str(error).split())}") from None
