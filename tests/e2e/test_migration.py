"""The page docs/migration.md, step by step: from a process worker with a shell script to Docker workers, and back."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.components.all import SETTINGS
from stack.images import names as images
from stack.images.site_images import bases
from stack.render import profile
from tests import sites
from tests.e2e import running
from tests.sites import REPO, SiteUnderTest

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

FLOW = "Docker flow/launch_docker"
FENCE = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# What `make` does in a checkout, for a site in another folder.
MAKE = f'make() {{ {sys.executable} {REPO}/render.py --output "$PWD" "$@"; }}\n'


def commands(heading: str) -> list[str]:
    """The commands of one way, a text for each step that has some."""
    page = (REPO / "docs/migration.md").read_text(encoding="utf-8")
    return FENCE.findall(page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0])


@dataclass(frozen=True)
class Installation:
    """The old folder, and a site whose API its worker uses; `data` is what containers of both write into."""

    site: SiteUnderTest
    old: Path
    data: Path

    @property
    def environment(self) -> dict[str, str]:
        """The shell of a user of both."""
        return running.environment(
            PATH=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            PREFECT_PROFILES_PATH=str(self.site.root / profile.PATH),
            PREFECT_API_URL=running.api_url(self.site),
            PREFECT_WORK_DIR=str(self.old),
            OLD=str(self.old),
        )

    def type(self, command: str) -> None:
        """A step as the page has it, except the folder that represents the user's."""
        typed = command.replace("/data/tiled_storage", str(self.data))
        done = subprocess.run(
            ["bash", "-e", "-c", MAKE + typed],
            cwd=self.site.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{typed}{done.stdout}{done.stderr}"

    @contextmanager
    def worker(self, command: str) -> Iterator[None]:
        """The old worker, until the end of the block."""
        with (self.old / "worker.log").open("ab") as log:
            started = subprocess.Popen(
                ["bash", "-c", command], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield
            finally:
                os.killpg(started.pid, signal.SIGTERM)  # like Ctrl-C, which the caller of the tests may have disabled
                try:
                    started.wait(60)
                except subprocess.TimeoutExpired:  # Prefect's worker may be slow to go
                    os.killpg(started.pid, signal.SIGKILL)
                    started.wait()

    def run(self) -> str:
        """A run with the parameters that both ways have in common; the pool that it was run in."""
        name, _, tag = images.reference("pca", REPO, bases(SETTINGS.defaults())).rpartition(":")
        asked = {
            "image_name": name,
            "image_tag": tag,
            "command": "python /app/pca.py",
            "volumes": [f"{self.data}:/app/results"],
            "params": {"task": "train", "components": 3, "io_parameters": {}},
        }
        run = running.start(self.site, FLOW, parameters={"docker_params": asked})
        (state,) = running.ended(self.site, run)
        log = [line["message"] for line in running.every(self.site, "logs", logs={"flow_run_id": {"any_": [run]}})]
        assert state["type"] == "COMPLETED", (state, log, (self.old / "worker.log").read_text())
        assert (self.data / run / "summary.json").is_file()
        return str(self._pool(run))

    def _pool(self, run: str) -> Any:
        with running.api(self.site) as client:
            return client.get(f"/flow_runs/{run}").raise_for_status().json()["work_pool_name"]

    def deployed(self) -> bool:
        """Whether the old script has come to its end but for the worker."""
        with running.api(self.site) as client:
            return client.get(f"/deployments/name/{FLOW}").status_code == 200


@pytest.fixture
def installation(site_images: None, tmp_path: Path) -> Iterator[Installation]:
    names = ("flows", "worker-docker", "flights", "weather", "pca")
    images.ensure(names, REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    old, data = tmp_path / "old", tmp_path / "data"
    shutil.copytree(Path(__file__).parent / "old_installation", old)
    data.mkdir()
    data.chmod(0o777)
    defaults = {"DOCKER_POOL": "docker_pool", "DOCKER_BIND_PATHS": ""}
    site = sites.make_site(COMPONENTS="server client", SERVER_DATABASE="sqlite", **defaults)
    try:
        done = site.render("up", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Installation(site, old, data)
    finally:
        site.render("down", check=False)
        site.remove()


def test_there_and_back(installation: Installation) -> None:
    there, back = commands("There"), commands("Back")
    assert (len(there), len(back)) == (4, 4)
    *ended, start = back
    with installation.worker(start):
        running.until("the old worker's deployment", installation.deployed)
        assert installation.run() == "docker_pool"
        installation.type(there[0])
    for step in there[1:]:
        installation.type(step)
    assert installation.run() == "container_pool"
    for step in ended:
        installation.type(step)
    assert not installation.deployed()
    with installation.worker(start):
        running.until("the old worker's deployment", installation.deployed)
        assert installation.run() == "docker_pool"
