"""When each schedule of a site will run, by Prefect's own classes of the site's version."""

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from registrar.timing.zone import Change, changes

from stack.check import schedule, schedules
from stack.components.client import CLIENT
from stack.core.docker import NoAnswerError, docker, last_line
from stack.core.errors import SiteError
from stack.core.repo import REPO
from stack.images.site_images import images
from stack.load import strictyaml, textfile
from stack.run import processes
from stack.site import Site

PROGRAM = REPO / "client" / "registrar" / "timing" / "run_times.py"
OWN_FILES = "client/deployments"
KEYS = ("cron", "day_or", "interval", "anchor_date", "rrule", "timezone")  # of a schedule in the words of the API
SECONDS = 600


@dataclass(frozen=True)
class Timed:
    """A schedule: its name, its words for Prefect, the zone that it was written in, and what is wrong with it."""

    name: str
    words: dict[str, Any]
    zone: str
    faults: list[str]
    warnings: list[str]

    @property
    def title(self) -> str:
        kind = next(kind for kind in schedule.KINDS if kind in self.words)
        said = " ".join(str(self.words[kind]).split())
        return f"{self.name}: {kind} {said}{' s' if kind == 'interval' else ''}, {self.zone}"

    @property
    def is_paused(self) -> bool:
        return self.words.get("active") is False


def lines(site: Site, days: int, now: datetime | None = None) -> Iterator[str]:
    """What is printed. Raises SiteError with every fault of a schedule, and if there is no Prefect to ask."""
    found = [*_of_site(site), *_of_own_files(site.root)]
    if faults := [fault for each in found for fault in each.faults]:
        raise SiteError(*faults)
    start = (now or datetime.now(UTC)).replace(microsecond=0)
    end = start + timedelta(days=days)
    running = [each for each in found if not each.is_paused]
    times = dict(zip([id(each) for each in running], _asked(site, running, start, end), strict=True))
    if not found:
        yield "there are no schedules; schedules.example.yml shows how to write them"
    for each in found:
        yield f"{each.title} (paused)" if each.is_paused else each.title
        yield from (f"  warning: {warning}" for warning in each.warnings)
        if not each.is_paused:
            yield from _shown(each, times[id(each)], start, end)


def _of_site(site: Site) -> Iterator[Timed]:
    path = site.settings.beside(site.settings.CLIENT_SCHEDULES)
    if CLIENT in site.components and schedules.exists(path):
        for name, entries in schedules.content(path).items():
            yield from _timed(path.name, name, entries or [])


def _of_own_files(root: Path) -> Iterator[Timed]:
    """Those of deployment files: the registrar reads them in the same way."""
    for path in sorted((root / OWN_FILES).glob("*.yaml")):
        name = f"{OWN_FILES}/{path.name}"
        content = strictyaml.read(name, textfile.read(path, "deployment file", "in its folder"))
        deployments = content.get("deployments") if isinstance(content, dict) else None
        for deployment in deployments if isinstance(deployments, list) else []:
            if isinstance(deployment, dict) and isinstance(deployment.get("schedules"), list):
                entries = [_as_in_schedules_yml(entry) for entry in deployment["schedules"]]
                yield from _timed(name, str(deployment.get("name")), entries)


def _as_in_schedules_yml(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    written = {key: value for key, value in entry.items() if key not in ("active", "replaces")}
    return written | ({"paused": not entry["active"]} if "active" in entry else {})


def _timed(file: str, deployment: str, entries: list[Any]) -> Iterator[Timed]:
    for n, entry in enumerate(entries):
        read, faults = schedule.examine(entry)
        name = f"{file}: {deployment}[{n}]"
        if faults:
            yield Timed(name, read, "UTC", [f"{name}{fault}" for fault in faults], [])
            continue
        slug = f" {read['slug']}" if "slug" in read else f"[{n}]"
        zone = entry.get("timezone") or read.get("timezone") or "UTC"
        yield Timed(f"{deployment}{slug}", read, zone, [], [each.lstrip(".") for each in schedule.warnings(read)])


def _asked(site: Site, found: list[Timed], start: datetime, end: datetime) -> list[list[datetime]]:
    """The times of each, from Prefect."""
    if not found:
        return []
    words = [{key: each.words[key] for key in KEYS if key in each.words} for each in found]
    order = json.dumps({"start": start.isoformat(), "end": end.isoformat(), "schedules": words})
    answer = _here(order) if _is_here(site.settings.PREFECT_VERSION) else _in_a_container(site, order)
    return [[datetime.fromisoformat(time) for time in times] for times in json.loads(answer)]


def _is_here(version: str) -> bool:
    try:
        return importlib.metadata.version("prefect") == version
    except importlib.metadata.PackageNotFoundError:
        return False


def _here(order: str) -> str:
    """By this environment: of a site of processes, which has Prefect, or of one who develops."""
    command, env = [sys.executable, str(PROGRAM)], processes.environment()
    done = subprocess.run(command, input=order, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SiteError(_no_answer(done.stderr))
    return done.stdout


def _in_a_container(site: Site, order: str) -> str:
    """By the image that registers, which needs no network for this."""
    image, version = images(site.settings)["flows"], site.settings.PREFECT_VERSION
    hint = f"Prefect {version} is not in this environment, and {{why}}; run `make up` first, which gets Prefect"
    try:
        if not docker("image", "inspect", image).worked:
            raise SiteError(hint.format(why=f"the image {image} is missing"))
        code = PROGRAM.read_text(encoding="utf-8")
        run = ("run", "--rm", "--interactive", "--network", "none", "--entrypoint", "python", image, "-c", code)
        done = docker(*run, given=order, seconds=SECONDS)
    except NoAnswerError as error:
        raise SiteError(hint.format(why=f"the engine gives {error.reason}")) from None
    if not done.worked:
        raise SiteError(_no_answer(done.errors))
    return done.output


def _no_answer(errors: str) -> str:
    last = last_line(errors)
    return f"Prefect did not work out the times: {last}; correct the schedule, or see `render.py show PREFECT_VERSION`"


def _shown(each: Timed, times: list[datetime], start: datetime, end: datetime) -> Iterator[str]:
    zone = ZoneInfo(each.zone)
    # A change is marked all day long: a run of that day may be before it.
    nights = {change.wall[0].date(): change for change in changes(each.zone, start - timedelta(days=1), end)}
    for time in times:
        here = time.astimezone(zone)
        mark = _mark(nights[here.date()]) if here.date() in nights else ""
        yield f"  {here:%a %Y-%m-%d %H:%M:%S %z}  {time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}{mark}"
    if not times:
        yield f"  no run until {end.astimezone(zone):%Y-%m-%d %H:%M %z}"


def _mark(change: Change) -> str:
    low, high = (f"{time:%H:%M}" for time in change.wall)
    return f"  clocks go forward from {low} to {high}" if change.is_gap else f"  clocks go back from {high} to {low}"
