"""Which environment a step is sent to, and that a new site is a matter of configuration alone."""

from pathlib import Path

import pytest
from launchers.parent.job_config import read_job_config
from launchers.parent.routing import SITES, Route, route

KNOWN = "(known: als, conda, docker, nersc, nsls-ii, podman, slurm)"


@pytest.mark.parametrize(
    ("hpc_type", "environment"),
    [
        ("nersc", "slurm"),
        ("NERSC", "slurm"),
        ("nsls-ii", "podman"),
        ("NSLS-II", "podman"),
        ("als", "docker"),
        (" Als ", "docker"),
        ("conda", "conda"),
        ("Slurm", "slurm"),
        ("DOCKER", "docker"),
        ("podman", "podman"),
    ],
)
def test_a_site_or_an_environment(hpc_type: str, environment: str) -> None:
    assert route(hpc_type, SITES) == Route(environment)


@pytest.mark.parametrize(
    ("hpc_type", "near"),
    [("nsls2", "; did you mean 'nsls-ii'?"), ("ALSS", "; did you mean 'als'?"), ("max-iv", ""), ("", "")],
)
def test_anything_else_is_conda_with_a_warning(hpc_type: str, near: str) -> None:
    assert route(hpc_type, SITES) == Route(
        "conda", f"hpc_type {hpc_type!r} is not a site or an environment{near} {KNOWN}"
    )


def test_a_site_may_be_called_like_an_environment() -> None:
    assert route("Docker", {"docker": "podman"}) == Route("podman")


def test_a_new_site_is_a_line_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("hpc_type: MAX-IV\nsites: {als: docker, MAX-IV: Slurm}\n")
    config = read_job_config(file)
    assert route(config.hpc_type, config.sites) == Route("slurm")
    assert route("als", config.sites) == Route("docker")
