"""One pass over an engine and the work directory."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.site_env import SiteEnv
from launchers.launching.params_file import params_directories
from launchers.launching.run_identity import ATTEMPT_LABEL, FLOW_RUN_LABEL, SITE_LABEL

from reaper.flow_runs import FlowRuns
from reaper.leftover import Leftover, reason_to_remove

_RUNNING = frozenset({"running", "paused", "restarting", "stopping", "removing"})

Removal = tuple[Leftover, Callable[[], None]]


def sweep(engine: Engine, flow_runs: FlowRuns, site: SiteEnv, grace: timedelta, log: logging.Logger) -> int:
    """Removes what ended flow runs of this site left, with a line in the log for each; returns how much it was.

    Only what carries the site's label and a flow run's is looked at. What cannot be removed is logged and left for
    the next pass. Raises LaunchError where the engine does not answer, ServiceError where the API does not.
    """
    found = [*_containers(engine, site), *_directories(site)]
    known = flow_runs.known({leftover.flow_run_id for leftover, _ in found}) if found else {}
    before = datetime.now(UTC) - grace
    removed = 0
    for leftover, remove in found:
        reason = reason_to_remove(leftover, known.get(leftover.flow_run_id), before)
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


def _containers(engine: Engine, site: SiteEnv) -> Iterator[Removal]:
    for short in engine.find({SITE_LABEL: site.site, FLOW_RUN_LABEL: None}):
        try:
            container = engine.inspect(short["Id"])
        except EngineError as error:
            if error.status == 404:  # it went while we looked
                continue
            raise
        yield _container(container), partial(engine.remove, container["Id"])


def _container(container: dict[str, Any]) -> Leftover:
    labels = container["Config"]["Labels"]
    attempt = labels.get(ATTEMPT_LABEL, "")
    return Leftover(
        name=f"container {container['Name'].lstrip('/')}",
        flow_run_id=labels[FLOW_RUN_LABEL],
        attempt=int(attempt) if attempt.isdecimal() else None,
        idle_since=None if container["State"]["Status"] in _RUNNING else _idle_since(container),
    )


def _idle_since(container: dict[str, Any]) -> datetime:
    """The end of its process, or its making where a killed worker never started it."""
    ended = datetime.fromisoformat(container["State"]["FinishedAt"])
    return ended if ended.year > 1 else datetime.fromisoformat(container["Created"])


def _directories(site: SiteEnv) -> Iterator[Removal]:
    for path, run in params_directories(site.work_dir):
        with suppress(FileNotFoundError):  # its launch ended while we looked
            since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield Leftover(f"parameters {path.name}", run.flow_run_id, run.attempt, since), partial(shutil.rmtree, path)
