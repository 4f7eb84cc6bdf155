"""`launch_conda` by a real worker, in an environment of the stand-in for conda, not available here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conda_stand_in import make_root
from tests.server.conftest import ROOT, Folder, Server
from tests.server.laboratory import Run, start

POOL = "conda"


@dataclass(frozen=True)
class Environments:
    """The stand-in, and the folder of its deployment."""

    folder: Folder
    conda: Path

    def launch(self, name: str, script: str, **more: Any) -> Run:
        """A run of this script, which is called `name`."""
        self.folder.write(name, script)
        given = {"conda_env_name": "lab", "python_file_name": str(self.folder.path / name), **more}
        return start(self.folder, "launch_conda", conda_params=given, prev_flow_run_id="before")


@pytest.fixture(scope="module")
def environments(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environments]:
    folder = Folder(tmp_path_factory.mktemp("conda"), server)
    folder.write("pool.json", folder.pool_template())
    folder.write("registration.yaml", {"owner": "conda", "pools": [pool()], "deployments": ["prefect.yaml"]})
    folder.write("prefect.yaml", deployment())
    (folder.path / "launchers").symlink_to(ROOT / "client" / "launchers")
    folder.states()
    made = Environments(folder, make_root(folder.path / "root", "lab"))
    with folder.worker(POOL, "worker.log", CONDA_EXE=str(made.conda), SITE_WORK_DIR=str(folder.path / "work")):
        yield made


def pool() -> dict[str, str]:
    return {"name": POOL, "type": "process", "base_job_template": "pool.json"}


def deployment() -> dict[str, Any]:
    entrypoint = "launchers/conda_envs/conda_flows.py:launch_conda"
    entry = {"name": "launch_conda", "entrypoint": entrypoint, "work_pool": {"name": POOL}}
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT / "client")}}
    return {"pull": [step], "deployments": [entry]}


def test_a_script_in_its_environment(environments: Environments) -> None:
    script = "import sys, pathlib; print(sys.prefix); print(pathlib.Path(sys.argv[1]).read_text().split())"
    run = environments.launch("fine.py", script)
    assert run.ends() == "Completed", run.log()
    prefix = str(environments.folder.path / "root" / "envs" / "lab")
    words = str(["io_parameters:", "uid_retrieve:", "before", "uid_save:", run.id])
    run.until(lambda: {prefix, words} <= set(run.log()))


def test_an_environment_that_is_not_there(environments: Environments) -> None:
    run = environments.launch("none.py", "", conda_env_name="lap")
    assert (run.ends(), run.message) == (
        "Failed",
        f"there is no conda environment 'lap'; did you mean 'lab'? (known: base, lab), says {environments.conda}: make "
        "it, or correct conda_env_name",
    )


def test_a_script_that_fails(environments: Environments) -> None:
    run = environments.launch("fails.py", "import sys; print('why'); sys.exit(3)")
    assert (run.ends(), run.message) == (
        "Failed",
        f"{environments.folder.path}/fails.py in the environment lab ended with exit code 3; its last lines:\nwhy",
    )


def test_the_script_of_a_run_that_is_cancelled_ends(environments: Environments) -> None:
    run = environments.launch("lasts.py", "import os, time; print('pid', os.getpid()); time.sleep(3600)")
    run.until(lambda: any(line.startswith("pid ") for line in run.log()))
    [pid] = [line.removeprefix("pid ") for line in run.log() if line.startswith("pid ")]
    run.set_state("CANCELLING")
    assert run.ends() == "Cancelled"
    run.until(lambda: not Path("/proc", pid).exists())
    run.until(lambda: not list((environments.folder.path / "work").iterdir()))
