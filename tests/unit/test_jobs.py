"""What steps are made of: the rendered job details and catalogue, as the parent flow reads them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from launchers.parent.catalogue import Algorithm, read_catalogue
from launchers.parent.job_config import JobConfig, read_job_config
from launchers.parent.routing import ENVIRONMENTS, Route, route
from launchers.slurm_jobs.schema import SlurmParams

from stack.cli import main
from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests.sites import REPO

Capture = pytest.CaptureFixture[str]
CATALOGUE = """\
algorithms:
  autoencoder: {image_name: lab/autoencoder, image_tag: "1.4", gpus: "1", tasks: {train: src/train.py}}
  umap: {conda_env: umap, folder: reduction/umap, tasks: {train: umap.py}}
"""


def render(root: Path, *settings: str, catalogue: str | None = None) -> int:
    (root / ".env").write_text("\n".join(("AGENT_POOLS=parent conda slurm", *settings)), encoding="utf-8")
    if catalogue is not None:
        (root / "catalogue.yml").write_text(catalogue, encoding="utf-8")
    return main(["--output", str(root)])


def config(root: Path, *settings: str) -> JobConfig:
    assert render(root, *settings) == 0
    return read_job_config(root / "agent/config.yml")


def test_a_site_that_says_nothing_has_the_defaults_of_the_flows(tmp_path: Path) -> None:
    found = config(tmp_path)
    assert found.container.volumes == ["/srv/site/results:/app/results"]
    assert found == JobConfig(hpc_type="als", crash_grace_seconds=60, container=found.container)


def test_every_setting_reaches_the_flows(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        "PARENT_HPC_TYPE=NERSC",
        "PARENT_VOLUMES=/srv/site/results:/r /srv/data:/data:ro",
        "DOCKER_BIND_PATHS=/srv/data",
        "PARENT_NETWORK=lab",
        "MAX_CRASH_RETRIES=0",
        "CONDA_ENVIRONMENTS=pca=mlex_pca,umap=mlex_umap",
        "SLURM_HOST=me@login:2222",
        "SLURM_NODES=2",
        "SLURM_PARTITIONS=p_cpu1 p_cpu2",
        "SLURM_RESERVATIONS=r_cpu1",
        "SLURM_MAX_TIME=2-12",
        "SLURM_OPTIONS=--account=m1 --mail-type=BEGIN,END",
        """SLURM_PROLOGUE='module load conda; export A="$HOME/50%"'""",
        "SLURM_WORK_DIR=~/lab",
        "SLURM_ALGORITHMS=/global/lab",
        "SLURM_POLL_SECONDS=9",
    )
    assert found == JobConfig.model_validate(
        {
            "hpc_type": "NERSC",
            "crash_grace_seconds": 0,
            "conda": {"conda_env_name": {"pca": "mlex_pca", "umap": "mlex_umap"}},
            "container": {"volumes": ["/srv/site/results:/r", "/srv/data:/data:ro"], "network": "lab"},
            "slurm": {
                "submission_host": "me@login:2222",
                "num_nodes": 2,
                "partitions": ["p_cpu1", "p_cpu2"],
                "reservations": ["r_cpu1"],
                "max_time": "2-12",
                "options": ["--account=m1", "--mail-type=BEGIN,END"],
                "prologue": 'module load conda; export A="$HOME/50%"',
                "work_dir": "~/lab",
                "code_dir": "/global/lab",
                "poll_seconds": 9,
            },
        }
    )


def test_a_new_site_is_a_setting(tmp_path: Path) -> None:
    found = config(tmp_path, "PARENT_HPC_TYPE=MAX-IV", "PARENT_SITES=max-iv=Slurm,diamond=podman")
    assert route(found.hpc_type, found.sites) == Route("slurm")
    assert route("Diamond", found.sites) == Route("podman")
    assert [route(name, found.sites) for name in ENVIRONMENTS] == [Route(name) for name in ENVIRONMENTS]


def test_the_catalogue_is_the_users(tmp_path: Path) -> None:
    assert render(tmp_path, catalogue=CATALOGUE) == 0
    assert read_catalogue(tmp_path / "agent/catalogue.yml").algorithms == {
        "autoencoder": Algorithm(
            image_name="lab/autoencoder", image_tag="1.4", gpus="1", tasks={"train": "src/train.py"}
        ),
        "umap": Algorithm(conda_env="umap", folder="reduction/umap", tasks={"train": "umap.py"}),
    }


def test_without_a_catalogue_it_is_the_example_with_the_image_of_this_bundle(tmp_path: Path) -> None:
    assert render(tmp_path) == 0
    (found,) = read_catalogue(tmp_path / "agent/catalogue.yml").algorithms.items()
    assert found[0] == "pca"
    assert f"{found[1].image_name}:{found[1].image_tag}" == names.reference("pca", REPO, bases(SETTINGS.defaults()))


def test_every_fault_of_a_catalogue_is_told_at_once(tmp_path: Path, capsys: Capture) -> None:
    wrong = """\
algorithms:
  a: {image_nme: x, tasks: {train: a.py}}
  b: {image_name: x, image_tag: 1.4, tasks: {train: ../b.py}}
  c: {memory: lots}
"""
    assert render(tmp_path, catalogue=wrong) == 2
    path = tmp_path / "catalogue.yml"
    known = "conda_env, cpus, folder, gpus, image_name, image_tag, memory, tasks"
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: algorithms.a.image_nme: unknown key; did you mean 'image_name'? (known: {known})",
        f"{path}: algorithms.b.image_tag: should be a valid string, and is 1.4; put it in quotes",
        f"{path}: algorithms.b.tasks.train: '../b.py' is not a path below the algorithm's folder: write for example "
        "train.py",
        f"{path}: algorithms.c.memory: 'lots' is not a size: write a number and k, m or g, for example 512m",
        f"{path}: algorithms.c.tasks: is missing",
    ]


def test_a_site_without_the_parent_pool_has_neither_file_and_reads_none(tmp_path: Path) -> None:
    assert render(tmp_path) == 0
    (tmp_path / ".env").write_text("AGENT_POOLS=agent", encoding="utf-8")
    (tmp_path / "catalogue.yml").write_text("[", encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    assert not list((tmp_path / "agent").glob("*.yml"))


@pytest.mark.parametrize(
    ("pools", "deployments"),
    [
        ("agent", ["weather", "flights"]),
        ("slurm agent", ["weather", "flights", "launch_slurm"]),
        ("parent conda", ["launch_parent_flow", "launch_conda"]),
    ],
)
def test_what_is_registered_is_that_of_the_pools_chosen(tmp_path: Path, pools: str, deployments: list[str]) -> None:
    (tmp_path / ".env").write_text(f"AGENT_POOLS={pools}", encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    registered = yaml.safe_load((tmp_path / "client/registration.yaml").read_text(encoding="utf-8"))["pools"]
    deployed = yaml.safe_load((tmp_path / "client/prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert [one["name"] for one in deployed] == deployments
    pools_used = dict.fromkeys(one["work_pool"]["name"] for one in deployed)
    assert [one["name"] for one in registered] == list(pools_used)


def test_a_job_that_is_run_by_its_deployments_name_goes_to_the_sites_cluster(tmp_path: Path) -> None:
    settings = [
        *("SLURM_HOST=me@login:2222", "SLURM_PARTITIONS=debug regular", "SLURM_OPTIONS=--account=m1"),
        *("SLURM_WORK_DIR=~/lab", "SLURM_PROLOGUE=module load conda", "SLURM_MAX_TIME=2-12"),
    ]
    assert render(tmp_path, *settings) == 0
    deployed = yaml.safe_load((tmp_path / "client/prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    parameters = {one["name"]: one["parameters"] for one in deployed}
    asked: dict[str, Any] = {
        "submission_host": "me@login:2222",
        "partitions": ["debug", "regular"],
        "options": ["--account=m1"],
        "work_dir": "~/lab",
        "prologue": "module load conda",
        "max_time": "2-12",
        "num_nodes": 1,
        "poll_seconds": 5,
    }
    assert parameters == {"launch_parent_flow": {}, "launch_conda": {}, "launch_slurm": {"slurm_params": asked}}
    SlurmParams(job_name="job", python_file_name="job.py", **asked)  # the flow takes them
    # A run's own slurm_params replace all of these, so the worker knows the host as well.
    services = yaml.safe_load((tmp_path / "agent/compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services["slurm"]["environment"]["SITE_SSH_HOST"] == "me@login:2222"
    assert "SITE_SSH_HOST" not in services["conda"]["environment"]


def test_a_changed_catalogue_starts_the_parents_workers_anew_and_no_others(tmp_path: Path) -> None:
    """What the others run would be ended."""

    def digests() -> dict[str, str]:
        services = yaml.safe_load((tmp_path / "agent/compose.yaml").read_text(encoding="utf-8"))["services"]
        return {name: service["labels"]["site.files"] for name, service in services.items()}

    assert render(tmp_path, catalogue=CATALOGUE) == 0
    before = digests()
    (tmp_path / "catalogue.yml").write_text(CATALOGUE.replace("1.4", "1.5"), encoding="utf-8")
    assert main(["--output", str(tmp_path)]) == 0
    after = digests()
    assert [name for name in before if before[name] != after[name]] == ["parent"]
