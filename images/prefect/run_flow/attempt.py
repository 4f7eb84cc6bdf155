"""The child: fetches the flow's code, and then is the run in the same interpreter."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from prefect import flow_engine
from prefect.runner import _workspace_supervisor as stock
from prefect.utilities.processutils import get_sys_executable

from run_flow.standby import Order

ENGINE = [get_sys_executable(), "-m", "prefect.engine"]
ENTRYPOINT = "PREFECT__FLOW_ENTRYPOINT"
# Prefect says by these what the run is; no interpreter and no library reads them at its start.
OF_THE_RUN = ("PREFECT__", "PYTHONPATH")
# Where this interpreter looks for modules, but for the directory that it was started in.
INTERPRETERS_PATH = sys.path[0 if sys.flags.safe_path else 1 :]


class Engine:
    """In place of Prefect's start of the engine, which replaces the process by a new interpreter."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._start_new = stock._launch_engine
        self.prepared = False

    async def launch(self, command: list[str], *, cwd: Path, environment: dict[str, str]) -> int:
        """Makes this interpreter like a new one where that is possible; becomes a new one otherwise."""
        if command != ENGINE or self._changed(environment):
            return await self._start_new(command, cwd=cwd, environment=environment)
        os.chdir(cwd)
        adopt(environment)
        added = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
        sys.path[:] = dict.fromkeys([str(cwd), *added, *INTERPRETERS_PATH])
        self.prepared = True
        return 0

    def _changed(self, environment: Mapping[str, str]) -> bool:
        """Whether a pull step set something that the interpreter, Prefect or a library may have read already."""
        return any(
            self._environment.get(name) != environment.get(name)
            for name in {*self._environment, *environment}
            if not name.startswith(OF_THE_RUN)
        )


def main(order: Order) -> int:
    """Carries out Prefect's order to start its workspace supervisor; returns the exit status of the run."""
    adopt(order.environment)
    if order.directory is not None:
        os.chdir(order.directory)
    engine = Engine(order.environment)
    stock._launch_engine = engine.launch
    status = stock.main(order.arguments[-1:])
    return flow_engine._main([os.environ[ENTRYPOINT]]) if engine.prepared else status


def adopt(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
