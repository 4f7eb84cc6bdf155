"""One launch in a conda environment: parameters file, script, output, outcome."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from launchers.conda_envs.manager import Manager
from launchers.conda_envs.process import MARK, end_processes_of, run_process
from launchers.conda_envs.schema import CondaParams
from launchers.launching.errors import LaunchError
from launchers.launching.output_log import Log, OutputLog, last_lines
from launchers.launching.params_file import params_file, remove_params_files
from launchers.launching.run_identity import RunIdentity

# The worker's own: Prefect's login, and where its flows are found.
_OF_THE_WORKER = ("PREFECT_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Launch:
    """One attempt of a flow run to run the script that `params` asks for. `log` is the flow run's."""

    manager: Manager
    run: RunIdentity
    params: CondaParams
    log: Log

    def carry_out(self, prev_flow_run_id: str) -> None:
        """Runs the script to its end. Raises LaunchError where it cannot run or fails."""
        if self.run.attempt > 1:
            remove_leftovers(self.run.flow_run_id)
        script = Path(code_dir(), Path(self.params.python_file_name).expanduser())
        prefix = self.manager.prefix(self.params.conda_env_name)
        if not script.is_file():
            raise LaunchError(f"there is no script {script} on this worker: correct code_dir, or the catalogue")
        content = self.params.params.of_run(self.run.flow_run_id, prev_flow_run_id)
        with params_file(work_dir(), self.run, content) as path:
            self._run(self.manager.command(prefix, ["python", str(script), path]))

    def _run(self, command: list[str]) -> None:
        self.log.info("%s", shlex.join(command))
        output = OutputLog(self.log)
        environ = {**script_environ(os.environ), MARK: self.run.flow_run_id}
        try:
            code = run_process(command, environ, self.params.timeout, output.add)
        except LaunchError as error:
            raise LaunchError(f"{self.params.python_file_name} {error}{last_lines(output.last)}") from None
        if code:
            raise LaunchError(
                f"{self.params.python_file_name} in the environment {self.params.conda_env_name} ended with "
                f"{_exit(code)}{last_lines(output.last)}"
            )


def remove_leftovers(flow_run_id: str) -> None:
    """Ends the processes and removes the parameters files of every attempt of this flow run."""
    end_processes_of(flow_run_id)
    remove_params_files(work_dir(), flow_run_id)


def work_dir() -> str:
    """Where parameters files are: SITE_WORK_DIR, or a folder in the home of the worker's user."""
    return os.environ.get("SITE_WORK_DIR") or str(Path.home() / "prefect-site")


def code_dir() -> str:
    """Where scripts are that are named without a folder: SITE_ALGORITHMS, which holds one for each algorithm."""
    return os.environ.get("SITE_ALGORITHMS") or "/srv/site/algorithms"


def script_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The worker's environment without what is the worker's own; output is not held back."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_OF_THE_WORKER)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _exit(code: int) -> str:
    number = -code if code < 0 else code - 128
    try:
        return f"exit code {128 + number} ({Signals(number).name})"
    except ValueError:
        return f"exit code {code}"
