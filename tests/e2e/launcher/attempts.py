"""A site's launches made in this process, without a Prefect server: what they log, and how they end."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launchers.containers.engine import Engine
from launchers.containers.launch import Launch
from launchers.containers.schema import DockerParams
from launchers.containers.site_env import SiteEnv, read_site_env
from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity

from tests import sites
from tests.e2e.launcher.places import CLIENT, Place

REAPER_PATH = [str(CLIENT.parent / folder) for folder in ("worker-docker", "client", "images/prefect")]


@dataclass(frozen=True)
class Ended:
    """One launch that ended: its error, empty where it succeeded, and what it logged: level and line."""

    name: str
    error: str
    logged: list[tuple[int, str]]

    @property
    def lines(self) -> list[str]:
        """What the container wrote; the first record is the launcher's own."""
        return [line for _, text in self.logged[1:] for line in text.split("\n")]

    def told(self, place: Place) -> str:
        """The error, with the container's name and its image written NAME and IMAGE."""
        return self.error.replace(self.name, "NAME").replace(place.images[0], "IMAGE")


@dataclass(frozen=True)
class Site:
    """A site on an engine, with a work directory and one directory that containers may mount."""

    name: str
    place: Place
    work: Path
    data: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment that a flow of the site has."""
        return {
            "SITE": self.name,
            "SITE_WORK_DIR": str(self.work),
            "SITE_HOST_PATHS": str(self.data),
            "SITE_LABELS": sites.SITE_LABELS,
            "DOCKER_HOST": self.place.host,
        }

    @property
    def env(self) -> SiteEnv:
        return read_site_env(self.environ)

    def params(self, *command: str, **more: Any) -> dict[str, Any]:
        """docker_params for the tiny image."""
        name, _, tag = self.place.images[0].rpartition(":")
        return {"image_name": name, "image_tag": tag, "command": list(command)} | more

    def launch(self, *command: str, run: RunIdentity | None = None, **more: Any) -> Ended:
        """Runs the command in a container to its end."""
        run = run or RunIdentity(str(uuid.uuid4()), 1)
        params = DockerParams.model_validate(self.params(*command) | more)
        log = logging.getLogger(f"launch.{run.name}")
        log.setLevel(logging.INFO)
        kept = _Kept()
        log.addHandler(kept)
        error = ""
        try:
            with Engine(self.place.host) as engine:
                Launch(engine, self.env, run, params, log).carry_out("before")
        except LaunchError as failed:
            error = str(failed)
        return Ended(f"{self.name}-{run.name}", error, kept.logged)

    def containers(self) -> list[str]:
        """The names of the site's containers, stopped ones too."""
        found = self.place.run("ps", "--all", f"--filter=label=site={self.name}", "--format={{.Names}}")
        return sorted(found.split())

    def files(self) -> list[str]:
        """What is in the work directory."""
        return sorted(path.name for path in self.work.iterdir())

    def remove(self) -> None:
        """Removes what is left of the site."""
        left = self.containers()
        if left:
            self.place.run("rm", "--force", *left)
        shutil.rmtree(self.work, ignore_errors=True)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.logged: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append((record.levelno, record.getMessage()))


@contextmanager
def a_site(folder: Path, place: Place) -> Iterator[Site]:
    """A site on the engine; fails where it leaves a container or a file."""
    site = Site(f"t{secrets.token_hex(4)}", place, folder / "work", folder / "data")
    site.work.mkdir()
    site.data.mkdir()
    site.data.chmod(0o777)
    try:
        yield site
        assert (site.containers(), site.files()) == ([], [])
    finally:
        site.remove()


def reaper_environ(site: Site, api_url: str) -> dict[str, str]:
    """What the reaper beside the site's worker has in its environment."""
    return {**os.environ, **site.environ, "PREFECT_API_URL": api_url, "PYTHONPATH": os.pathsep.join(REAPER_PATH)}
