"""Which manager is found, what environments it has, and how it is asked to run something."""

import shutil
import subprocess
from pathlib import Path

import pytest
from launchers.conda_envs.manager import NAMES, Manager, find_manager
from launchers.launching.errors import LaunchError

from tests.conda_stand_in import make_root


def executable(path: Path, script: str = "exit 0") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def manager(tmp_path: Path, script: str) -> Manager:
    return Manager(executable(tmp_path / "conda", script))


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["conda", "mamba", "micromamba"], "conda"),
        (["micromamba", "mamba"], "mamba"),
        (["micromamba"], "micromamba"),
    ],
)
def test_the_first_manager_on_the_path(tmp_path: Path, there: list[str], found: str) -> None:
    for name in there:
        executable(tmp_path / name)
    assert find_manager({"PATH": str(tmp_path)}) == Manager(str(tmp_path / found))


def test_the_manager_that_the_shell_was_set_up_with_comes_before_the_path(tmp_path: Path) -> None:
    executable(tmp_path / "conda")
    assert find_manager({"PATH": str(tmp_path), "MAMBA_EXE": "/opt/micromamba"}).path == "/opt/micromamba"
    assert find_manager({"MAMBA_EXE": "/opt/micromamba", "CONDA_EXE": "/opt/conda"}).path == "/opt/conda"


def test_none_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LaunchError) as refusal:
        find_manager({"PATH": str(tmp_path)})
    assert str(refusal.value) == (
        "there is no conda, mamba or micromamba on this worker's PATH: install one, or set CONDA_EXE"
    )


def test_environments_by_name_and_one_elsewhere_by_its_prefix(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "opt", tmp_path / "elsewhere"
    (root / "envs" / "pca").mkdir(parents=True)
    listed = f'{{"envs": ["{root}", "{root}/envs/pca", "{elsewhere}"], "envs_details": {{}}}}'
    known = manager(tmp_path, f"echo '{listed}'")
    assert known.environments() == {"base": str(root), "pca": f"{root}/envs/pca", str(elsewhere): str(elsewhere)}
    assert known.prefix("pca") == known.prefix(f"{root}/envs/pca") == f"{root}/envs/pca"


def test_what_a_wrapper_prints_is_no_environment(tmp_path: Path) -> None:
    script = """echo 'Welcome to {the} cluster'; printf 'motd'; echo '{"envs": ["/opt/envs/pca"]}'; echo '{} bye'"""
    assert manager(tmp_path, script).environments() == {"pca": "/opt/envs/pca"}


def test_a_missing_environment_is_told_with_those_there_are(tmp_path: Path) -> None:
    known = Manager(str(make_root(tmp_path / "root", "mlex_pca", "mlex_umap")))
    with pytest.raises(LaunchError) as refusal:
        known.prefix("mlex_pcs")
    assert str(refusal.value) == (
        "there is no conda environment 'mlex_pcs'; did you mean 'mlex_pca'? (known: base, mlex_pca, mlex_umap), "
        f"says {known.path}: make it, or correct conda_env_name"
    )


@pytest.mark.parametrize(
    ("version", "streamed"),
    [
        ("conda 24.1.2", ["--no-capture-output"]),
        ("mamba 1.5.8\nconda 24.1.2", ["--no-capture-output"]),
        ("2.0.5", []),
        ("loads miniconda 3\n2.0.5", []),
        ("Welcome\nconda 24.1.2", ["--no-capture-output"]),
    ],
)
def test_only_condas_own_run_is_told_not_to_hold_the_output_back(
    tmp_path: Path, version: str, streamed: list[str]
) -> None:
    asked = manager(tmp_path, f"echo '{version}'")
    assert asked.command("/envs/pca", ["python", "a b.py"]) == [
        asked.path,
        "run",
        *streamed,
        "--prefix",
        "/envs/pca",
        "python",
        "a b.py",
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo no such command >&2; exit 2", "{path} env list --json failed: no such command"),
        ("echo nothing", "{path} env list --json printed no list of environments: 'nothing\\n'"),
        ("echo []", "{path} env list --json printed no list of environments: '[]\\n'"),
    ],
)
def test_a_manager_that_does_not_answer_is_reported(tmp_path: Path, script: str, expected: str) -> None:
    broken = manager(tmp_path, script)
    with pytest.raises(LaunchError) as refusal:
        broken.environments()
    assert str(refusal.value) == expected.format(path=broken.path)


def test_a_manager_that_cannot_be_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"env list --json does not work: \[Errno 2\]"):
        Manager(str(tmp_path / "conda")).environments()


def test_a_real_manager_where_there_is_one() -> None:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"there is no {' or '.join(NAMES)} on this machine: only the stand-in was asked")
    real = Manager(found)
    prefix = real.prefix("base")
    done = subprocess.run(real.command(prefix, ["sh", "-c", "echo $CONDA_PREFIX"]), capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode().strip()) == (0, prefix)
