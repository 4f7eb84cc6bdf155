"""`config.yml`: what the file of an older installation says is read as it was meant."""

from pathlib import Path

import pytest
from launchers.launching.errors import LaunchError
from launchers.parent.job_config import JobConfig, SlurmJobs, read_job_config
from launchers.parent.routing import SITES

# As installations of before have it.
OLDER = """\
hpc_type: "als"
conda:
  conda_env_name:
    pytorch_autoencoder: "mlex_pytorch_autoencoders"
    pca: "mlex_dimension_reduction_pca"
container:
  volumes:
    - "/data/tiled_storage:/tiled_storage"
  network: "mle_net"
slurm:
  num_nodes: 1
  partitions: '["p_cpu1", "p_cpu2"]'
  reservations: '["r_cpu1", "r_cpu2"]'
  max_time: "1:00:00"
  submission_ssh_key: "~/.ssh/id_rsa"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def test_an_older_file_is_read_as_it_is(file: Path) -> None:
    file.write_text(OLDER)
    config = read_job_config(file)
    assert config.conda.conda_env_name["pca"] == "mlex_dimension_reduction_pca"
    assert (config.container.volumes, config.container.network) == (["/data/tiled_storage:/tiled_storage"], "mle_net")
    assert config.slurm == SlurmJobs(
        partitions=["p_cpu1", "p_cpu2"],
        reservations=["r_cpu1", "r_cpu2"],
        max_time="1:00:00",
        submission_ssh_key="~/.ssh/id_rsa",
    )
    assert (config.hpc_type, config.sites) == ("als", SITES)


def test_an_empty_file_is_a_site_of_conda(file: Path) -> None:
    file.write_text("")
    assert read_job_config(file) == JobConfig(hpc_type="conda", sites=SITES)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "sites: {max-iv: slurn}",
            "sites: max-iv: there is no environment 'slurn'; did you mean 'slurm'? "
            "(known: conda, docker, podman, slurm)",
        ),
        ("sites: {ALS: docker, als: conda}", "sites: a site appears twice; case does not matter"),
        ("slurm: {partitions: debug}", "slurm.partitions: 'debug' is not a list: write for example [debug, regular]"),
        (
            "slurm: {max_tme: 10}",
            "slurm.max_tme: unknown key; did you mean 'max_time'? (known: code_dir, max_time, num_nodes, options, "
            "partitions, poll_seconds, prologue, reservations, submission_host, submission_ssh_key, work_dir)",
        ),
        (
            "container: {volumes: [data:/data]}",
            "container.volumes[0]: volume 'data:/data': 'data' is not an absolute path",
        ),
    ],
)
def test_a_fault_names_its_place(file: Path, text: str, line: str) -> None:
    file.write_text(text)
    with pytest.raises(LaunchError) as refusal:
        read_job_config(file)
    assert str(refusal.value) == f"{file}: {line}"
