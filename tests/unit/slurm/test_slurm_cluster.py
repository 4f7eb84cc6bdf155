"""What Slurm's commands answer, where wrappers and start-up files print beside them."""

from pathlib import Path

import pytest
from launchers.slurm_jobs.cluster import Cluster, Job
from launchers.slurm_jobs.errors import ClusterError
from launchers.slurm_jobs.login_node import LoginNode
from launchers.slurm_jobs.schema import SlurmParams

RUN = "0b6f3f0c-90c4-4f3a-8d0e-0123456789ab"
PARAMS = SlurmParams(job_name="pca", python_file_name="/code/train.py")


def cluster(folder: Path, prefix: str = "", **commands: str) -> Cluster:
    """The commands are shell scripts; a prefix is the shell that the node's commands are given to."""
    for name, script in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
    return Cluster(LoginNode("login", ["sh", "-c", prefix] if prefix else [], environ), str(folder / "work"))


def submitted(asked: Cluster) -> Job:
    return asked.submit(f"{RUN}-1", RUN, PARAMS, "io_parameters: {}\n")


@pytest.mark.parametrize("said", ["5", "5;cluster", "Welcome to 12 nodes\n--> Verifying: 1 OK\n5\nGoodbye"])
def test_the_jobs_number_beside_what_a_wrapper_prints(tmp_path: Path, said: str) -> None:
    job = submitted(cluster(tmp_path, sbatch=f"echo '{said}'"))
    assert job == Job("5", f"{tmp_path}/work/{RUN}-1")
    assert (tmp_path / "work" / f"{RUN}-1" / "params.yaml").read_text() == "io_parameters: {}\n"


def test_a_job_whose_number_is_not_printed_is_looked_for(tmp_path: Path) -> None:
    asked = cluster(tmp_path, sbatch="echo Submitted", squeue=f"echo '4 other /x'; echo '5 {RUN} /work/a b'")
    assert submitted(asked) == Job("5", "'/work/a b'")


def test_a_job_that_is_nowhere_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as refusal:
        submitted(cluster(tmp_path, sbatch="echo Submitted", squeue=""))
    assert str(refusal.value) == "sbatch on login printed no job number: 'Submitted'"


@pytest.mark.parametrize(
    ("scontrol", "sacct", "expected"),
    [
        ("echo Welcome; echo 'JobId=5 JobState=RUNNING NodeList=n1'", "", "RUNNING on n1"),
        ('[ "$1" = ping ]', "echo Welcome; echo 'TIMEOUT|0:0|n1|1:00|1G'; echo Goodbye", "TIMEOUT"),
        ('[ "$1" = ping ]', "echo Welcome", "LOST"),
    ],
)
def test_the_state_beside_what_a_wrapper_prints(tmp_path: Path, scontrol: str, sacct: str, expected: str) -> None:
    asked = cluster(tmp_path, scontrol=scontrol, sacct=sacct)
    assert str(asked.state(Job("5", str(tmp_path)))) == expected


def test_a_start_up_file_that_takes_what_is_sent_is_reported(tmp_path: Path) -> None:
    asked = cluster(tmp_path, 'read line; eval "$0"', sbatch="echo 5")
    with pytest.raises(ClusterError) as refusal:
        submitted(asked)
    assert str(refusal.value) == ("params.yaml did not arrive whole on login: a start-up file there reads its input")
