"""One pass over an engine and the work directory."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.site_env import SiteEnv
from launchers.launching.params_file import params_directories
from launchers.launching.run_identity import ATTEMPT_LABEL, FLOW_RUN_LABEL, SITE_LABEL, RunIdentity
from site_service.passing_over import name_bad_one, passing_over

from reaper.flow_runs import FlowRuns
from reaper.leftover import Leftover, reason_to_remove

_RUNNING = frozenset({"running", "paused", "restarting", "stopping", "removing"})

Removal = tuple[Leftover, Callable[[], None]]


def sweep(engine: Engine, flow_runs: FlowRuns, site: SiteEnv, grace: timedelta, log: logging.Logger) -> int:
    """Removes what ended flow runs of this site left, with a line in the log for each; returns how much it was.

    Only what carries the site's label and a flow run's is looked at. What cannot be removed is logged and left for
    the next pass; what cannot be read, here or in the API, is named and stays. Raises LaunchError where the engine does
    not answer, ServiceError where the API does not.
    """
    found = [*_containers(engine, site, log), *_directories(site, log)]
    known = flow_runs.known({leftover.flow_run_id for leftover, _ in found}) if found else {}
    before = datetime.now(UTC) - grace
    removed = 0
    for leftover, remove in found:
        run = known.get(leftover.flow_run_id)
        if run is None and leftover.flow_run_id in known:
            continue
        reason = reason_to_remove(leftover, run, before)
        if reason:
            removed += _removed(leftover, reason, remove, log)
    return removed


def _removed(leftover: Leftover, reason: str, remove: Callable[[], None], log: logging.Logger) -> bool:
    try:
        remove()
    except (EngineError, OSError) as error:
        log.warning("%s could not be removed: %s", leftover.name, error)
        return False
    log.info("removed %s: flow run %s %s", leftover.name, leftover.flow_run_id, reason)
    return True


def _containers(engine: Engine, site: SiteEnv, log: logging.Logger) -> Iterator[Removal]:
    for short in engine.find({SITE_LABEL: site.site, FLOW_RUN_LABEL: None}):
        found: list[Removal] = []
        with passing_over(f"container {_name(short)}", log):
            found += _looked_at(engine, short, log)
        yield from found


def _looked_at(engine: Engine, short: dict[str, Any], log: logging.Logger) -> Iterator[Removal]:
    """One container; none if it went while we looked, or if the engine fails to describe it."""
    try:
        container = engine.inspect(short["Id"])
    except EngineError as error:
        if not error.status:
            raise
        if error.status != 404:
            name_bad_one(f"container {_name(short)}", error, log)
        return
    yield _container(container), partial(engine.remove, container["Id"])


def _name(short: Any) -> str:
    """What the engine calls it, or all that there is of it."""
    names = short.get("Names") if isinstance(short, dict) else None
    return str(names[0]).lstrip("/") if isinstance(names, list) and names else str(short)[:80]


def _container(container: dict[str, Any]) -> Leftover:
    """Raises the errors of what has another form, such as a label without the id of a flow run."""
    labels = container["Config"]["Labels"]
    attempt = labels.get(ATTEMPT_LABEL, "")
    return Leftover(
        name=f"container {container['Name'].lstrip('/')}",
        flow_run_id=_flow_run_id(labels[FLOW_RUN_LABEL]),
        attempt=int(attempt) if attempt.isdecimal() else None,
        idle_since=None if container["State"]["Status"] in _RUNNING else _idle_since(container),
    )


def _flow_run_id(label: str) -> str:
    try:
        return str(uuid.UUID(label))
    except ValueError:
        raise ValueError(f"its label {FLOW_RUN_LABEL}={label} is not the id of a flow run") from None


def _idle_since(container: dict[str, Any]) -> datetime:
    """The end of its process, or its making where a killed worker never started it."""
    ended = datetime.fromisoformat(container["State"]["FinishedAt"])
    return ended if ended.year > 1 else datetime.fromisoformat(container["Created"])


def _directories(site: SiteEnv, log: logging.Logger) -> Iterator[Removal]:
    found: list[tuple[Path, RunIdentity]] = []
    with passing_over(f"work directory {site.work_dir}", log, OSError):
        found = params_directories(site.work_dir)
    for path, run in found:
        # A directory that is not there was that of a launch that ended while we looked.
        with passing_over(f"parameters {path.name}", log, PermissionError), suppress(FileNotFoundError):
            yield _directory(path, run), partial(shutil.rmtree, path)


def _directory(path: Path, run: RunIdentity) -> Leftover:
    since = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    return Leftover(f"parameters {path.name}", run.flow_run_id, run.attempt, since)
