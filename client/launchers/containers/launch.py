"""One launch from beginning to end: parameters file, mounts, image, container, output, outcome."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from launchers.containers.container import (
    container_spec,
    failure,
    remove_launched,
    removed_at_the_end,
    run_container,
)
from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.own_container import own_mounts
from launchers.containers.paths import HostPath, Mount, own_path, volume_path
from launchers.containers.registry_login import registry_login
from launchers.containers.schema import PARAMS_TARGET, DockerParams, Volume
from launchers.containers.site_env import SiteEnv
from launchers.launching.errors import LaunchError
from launchers.launching.output_log import Log, OutputLog
from launchers.launching.params_file import params_file, remove_params_files
from launchers.launching.run_identity import RunIdentity

_MISSING_IMAGE = re.compile(r"no such image|image not known", re.IGNORECASE)


@dataclass(frozen=True)
class Launch:
    """One attempt of a flow run to run the container that `params` asks for. `log` is the flow run's."""

    engine: Engine
    site: SiteEnv
    run: RunIdentity
    params: DockerParams
    log: Log

    def carry_out(self, prev_flow_run_id: str) -> None:
        """Runs the container to its end. Raises LaunchError where it cannot run or fails."""
        if self.run.attempt > 1:
            remove_leftovers(self.engine, self.site, self.run.flow_run_id)
        content = self.params.params.of_run(self.run.flow_run_id, prev_flow_run_id)
        with params_file(self.site.work_dir, self.run, content) as path:
            binds = self._binds(path)
            labels = self.run.labels(self.site.site, self.site.labels)
            self._run(
                f"{self.site.site}-{self.run.name}",
                container_spec(self.params, labels, binds, self.site.network, self.site.limits),
            )

    def _run(self, name: str, spec: Mapping[str, Any]) -> None:
        self._create(name, spec)
        output = OutputLog(self.log)
        with removed_at_the_end(self.engine, name, self.log):
            self.log.info("Container %s of %s: %s", name, self.params.image, shlex.join(self.params.arguments))
            self._check_gpus(name)
            state = run_container(self.engine, name, self.params.timeout, output.add)
        error = failure(name, self.params, state, output.last)
        if error is not None:
            raise error
        if state.get("OOMKilled"):
            self.log.warning("A process of container %s was killed for lack of memory; the container went on", name)

    def _create(self, name: str, spec: Mapping[str, Any]) -> None:
        """Pulls only an image that the engine misses: a run must not depend on a registry that it does not need."""
        try:
            self.engine.create(name, spec)
        except EngineError as error:
            if error.status != 404 or not _MISSING_IMAGE.search(error.words):
                raise
            self._pull()
            self.engine.create(name, spec)

    def _check_gpus(self, name: str) -> None:
        """Docker refuses to start without the GPUs asked for; Podman 4 forgets that they were asked for."""
        if self.params.gpus and not self.engine.inspect(name)["HostConfig"].get("DeviceRequests"):
            raise LaunchError("this engine gives no GPUs through its Docker API: leave gpus out of docker_params")

    def _pull(self) -> None:
        self.log.info("Pulling %s", self.params.image)
        began = time.monotonic()
        login = registry_login(self.params.image_name, self.site.registry_block)
        try:
            self.engine.pull(self.params.image_name, self.params.image_tag, login)
        except EngineError as error:
            raise LaunchError(f"image {self.params.image} cannot be pulled: {error}") from None
        self.log.info("Pulled %s in %.1f s", self.params.image, time.monotonic() - began)

    def _binds(self, path: str) -> list[tuple[HostPath, str]]:
        """The mounts of the new container: the volumes asked for, and the parameters file, read only."""
        mounts = own_mounts(self.engine)
        binds = [self._volume(volume, mounts) for volume in self.params.volumes]
        return [*binds, (replace(own_path(path, mounts), writable=False), PARAMS_TARGET)]

    def _volume(self, volume: Volume, mounts: list[Mount] | None) -> tuple[HostPath, str]:
        source = os.path.realpath(volume.source)
        host = volume_path(source, mounts, self.site.host_paths)
        if host.visible and not Path(source).exists():  # Podman would make it, empty
            raise LaunchError(f"volume source {volume.source} does not exist: make it, or correct the volume")
        return replace(host, writable=volume.writable and host.writable), volume.target


def remove_leftovers(engine: Engine, site: SiteEnv, flow_run_id: str) -> None:
    """Removes the containers and parameters files of every attempt of this flow run."""
    remove_launched(engine, site.site, flow_run_id)
    remove_params_files(site.work_dir, flow_run_id)
