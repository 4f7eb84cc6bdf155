"""One parent run through four environments of one site: conda (a stand-in), a real Slurm, Docker and Podman."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from algorithms.pca import pca

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sites
from tests.conda_stand_in import make_root
from tests.e2e import running
from tests.e2e.second_engine import checked
from tests.e2e.slurm.one_node import running_node
from tests.sites import SiteUnderTest

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

RESULTS = "/srv/site/results"
COMPONENTS = ("flows", "worker-docker", "worker-podman", "podman", "pca")
# Each step takes in other images, so that what the last one finds is due to all of them.
PARTS = ((0, 300), (300, 550), (550, 1000))
COMPONENT_COUNT = 6


@dataclass(frozen=True)
class Laboratory:
    """A site whose four environments all have the same program; `folder` holds what this machine has of it."""

    site: SiteUnderTest
    folder: Path

    def result(self, run: str) -> dict[str, Any]:
        """What a run left, as another container of the site reads it."""
        command = ("exec", "--no-TTY", "parent", "cat", f"{RESULTS}/{run}/summary.json")
        return dict(json.loads(self.site.compose("agent", *command).stdout))

    def digits(self) -> pca.Array:
        found: pca.Array = np.loadtxt(self.folder / "algorithms/pca/digits.csv.gz", delimiter=",")
        return found[:, : pca.PIXELS]


def local(name: str) -> str:
    return names.reference(name, sites.REPO, bases(SETTINGS.defaults()))


@pytest.fixture(scope="module")
def folder(site_images: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Algorithms, and an environment for them, out of the image that containers of the site run."""
    names.ensure(COMPONENTS, sites.REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    folder = tmp_path_factory.mktemp("lab")
    make_root(folder / "conda")
    (folder / "algorithms/pca").mkdir(parents=True)
    container = checked("docker", "create", *(f"--label={name}" for name in sites.SITE_LABELS.split(",")), local("pca"))
    try:
        checked("docker", "cp", f"{container}:/opt/pca", str(folder / "conda/envs"))
        for name in ("pca.py", "digits.csv.gz"):
            checked("docker", "cp", f"{container}:/app/{name}", str(folder / "algorithms/pca"))
    finally:
        checked("docker", "rm", container)
    return folder


@pytest.fixture(scope="module")
def laboratory(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    site = sites.make_site(
        COMPONENTS="server agent worker-docker worker-podman client",
        SERVER_DATABASE="sqlite",
        AGENT_POOLS="parent conda",
        CONDA_EXE=folder / "conda/bin/conda",
        CONDA_ALGORITHMS=folder / "algorithms",
    )
    shutil.copy(sites.REPO / "catalogue.example.yml", site.root / "catalogue.yml")
    try:
        # The cluster is on the site's network and has its results, as a real one has a file system of the site's.
        site.compose("server", "create")
        site.compose("agent", "create", "flows")
        here = [f"{path}:{path}:ro" for path in (folder / "conda", folder / "algorithms")]
        mounts = [f"{site.name}-results:{RESULTS}", *here]
        with running_node(tmp_path_factory.mktemp("node"), site.name, volumes=mounts) as node:
            site.set(
                AGENT_POOLS="parent conda slurm",
                SLURM_HOST=node.host,
                SLURM_SSH_KEY=node.key,
                SLURM_KNOWN_HOSTS=node.known_hosts,
                SLURM_ALGORITHMS=folder / "algorithms",
                SLURM_PROLOGUE=f"export PATH={folder}/conda/bin:$PATH",
                SLURM_MAX_TIME="10",
                SLURM_POLL_SECONDS=1,
            )
            done = site.render("up", check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            yield Laboratory(site, folder)
    finally:
        site.render("down", check=False)
        site.remove()


def step(task: str, hpc_type: str, results: str = RESULTS, **params: Any) -> dict[str, Any]:
    given = {"task": task, **params, "io_parameters": {"results_dir": results}}
    return {"model_name": "pca", "task_name": task, "hpc_type": hpc_type, "params": given}


def children(site: SiteUnderTest, parent: str) -> list[dict[str, Any]]:
    """The runs of the steps, the first one first."""
    found = running.all_runs(site, flow_runs={"parent_flow_run_id": {"any_": [parent]}})
    return sorted(found, key=lambda run: str(run["created"]))


def expected(digits: pca.Array, parts: tuple[tuple[int, int], ...]) -> float:
    """The last step's figure, worked out here."""
    first, *others = (digits[slice(*part)] for part in parts)
    model = pca.fit(first, COMPONENT_COUNT)
    for images_ in others:
        model = pca.extended(model, images_)
    rest = digits[pca.TRAINING_IMAGES :]
    return pca.mean_squared_error(model, rest, pca.project(model, rest))


def test_a_chain_through_four_environments(laboratory: Laboratory) -> None:
    site, inside = laboratory.site, "/app/results"
    run = running.start(
        site,
        "Parent flow/launch_parent_flow",
        parameters={
            "params_list": [
                step("train", "conda", components=COMPONENT_COUNT, images=PARTS[0]),
                step("update", "NERSC", images=PARTS[1]),
                step("update", "als", inside, images=PARTS[2]),
                step("transform", "NSLS-II", inside),
            ]
        },
    )
    (state,) = running.ended(site, run)
    steps = children(site, run)
    logs = [line["message"] for line in running.every(site, "logs")]
    assert state["type"] == "COMPLETED", (state, [one["state"] for one in steps], logs)
    pools = [one["work_pool_name"] for one in steps]
    assert pools == ["conda_pool", "slurm_pool", "docker_pool", "podman_pool"]
    said = [laboratory.result(one["id"]) for one in steps]
    assert [one.get("model", "") for one in said] == ["", *(one["id"] for one in steps[:3])]
    digits = laboratory.digits()
    assert said[-1]["mean_squared_error"] == pytest.approx(expected(digits, PARTS))
    assert said[-1]["mean_squared_error"] != pytest.approx(expected(digits, PARTS[1:]))


def test_an_environment_that_is_missing_is_refused_with_those_there_are(laboratory: Laboratory) -> None:
    asked = {"conda_env_name": "pcb", "python_file_name": "pca/pca.py"}
    run = running.start(laboratory.site, "Conda flow/launch_conda", parameters={"conda_params": asked})
    (state,) = running.ended(laboratory.site, run)
    manager = laboratory.folder / "conda/bin/conda"
    assert (state["type"], state["message"]) == (
        "FAILED",
        f"there is no conda environment 'pcb'; did you mean 'pca'? (known: base, pca), says {manager}: make it, or "
        "correct conda_env_name",
    )
