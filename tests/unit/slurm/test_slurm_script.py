"""The batch script, to the letter, and what is refused before it is written."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from launchers.slurm_jobs.batch_script import batch_script
from launchers.slurm_jobs.schema import SlurmParams
from pydantic import ValidationError

from tests.conda_stand_in import make_root

RUN = "0b6f3f0c-90c4-4f3a-8d0e-0123456789ab"


def params(**more: Any) -> SlurmParams:
    return SlurmParams.model_validate({"job_name": "pca-train", "python_file_name": "/code/pca/train.py", **more})


def test_a_plain_job() -> None:
    assert batch_script(params(), RUN) == (
        "#!/bin/sh\n"
        "#SBATCH --job-name=pca-train\n"
        f"#SBATCH --comment={RUN}\n"
        "#SBATCH --output=output.log\n"
        "#SBATCH --open-mode=append\n"
        "#SBATCH --nodes=1\n"
        "if [ $# = 0 ]; then\n"
        "    rm -f exit_code started\n"
        '    bash -l "$0" "$PWD" 3>&1 4>&2 >startup.log 2>&1\n'
        "    code=$?\n"
        '    [ ! -e started ] || exit "$code"\n'
        "    cat startup.log\n"
        '    echo "start-up files on $(hostname) ended the shell (exit code $code) before the job began" >&2\n'
        "    exit 1\n"
        "fi\n"
        "exec >&3 2>&4 3>&- 4>&-\n"
        "trap - EXIT\n"
        'cd "$1" && : > started || exit 1\n'
        "export PYTHONUNBUFFERED=1\n"
        "\n"
        'set -- python3 /code/pca/train.py "$PWD/params.yaml"\n'
        '"$@"\n'
        "code=$?\n"
        'echo "$SLURM_JOB_ID $code" > exit_code\n'
        '(exit "$code")\n'
    )


def test_all_that_a_job_can_ask_for() -> None:
    asked = params(
        num_nodes=2,
        partitions=["a", "b"],
        reservations=["r1", "r2"],
        max_time="1-12:00",
        memory="4G",
        cpus=8,
        gpus="a100:2",
        options=["--account=m1234", "--mail-user=me@example.org now"],
        prologue="module load conda\nmodule load cuda",
        python_file_name="/code/my train.py",
    )
    lines = batch_script(asked, RUN).splitlines()
    assert [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")][4:] == [
        "--nodes=2",
        "--partition=a,b",
        "--reservation=r1,r2",
        "--time=1-12:00",
        "--mem=4G",
        "--cpus-per-task=8",
        "--gpus-per-node=a100:2",
        "--account=m1234",
        "'--mail-user=me@example.org now'",
    ]
    assert lines[lines.index("export PYTHONUNBUFFERED=1") + 1 :][:4] == [
        "module load conda",
        "module load cuda",
        "set -- python3 '/code/my train.py' \"$PWD/params.yaml\"",
        'srun "$@"',
    ]


def run(folder: Path, asked: SlurmParams, profile: str = "") -> subprocess.CompletedProcess[str]:
    """As Slurm runs it: from the job's folder, for a user with this profile."""
    (folder / "job.sh").write_text(batch_script(asked, RUN))
    (folder / ".bash_profile").write_text(profile)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "SLURM_JOB_ID": "7"}
    command = ["sh", str(folder / "job.sh")]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("prologue", "code", "said"),
    [
        ("PATH={root}/bin:$PATH", 0, "ran in {root}/envs/lab with {folder}/params.yaml\n"),
        ("", 1, " has no conda, mamba or micromamba on its PATH: load one in prologue\n"),
    ],
)
def test_a_script_in_an_environment_as_a_node_runs_it(tmp_path: Path, prologue: str, code: int, said: str) -> None:
    root = make_root(tmp_path / "root", "lab").parents[1]
    (tmp_path / "a b.py").write_text("import sys; print('ran in', sys.prefix, 'with', sys.argv[1])")
    asked = params(conda_env_name="lab", python_file_name=str(tmp_path / "a b.py"), prologue=prologue.format(root=root))
    done = run(tmp_path, asked)
    assert (done.returncode, (tmp_path / "exit_code").read_text()) == (code, f"7 {code}\n")
    assert (done.stdout + done.stderr).endswith(said.format(root=root, folder=tmp_path))


def test_what_a_profile_prints_is_not_the_jobs_output(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys; print('begun', flush=True); sys.exit('uh')")
    profile = "echo Welcome; echo uh-oh >&2; printf Maintenance\ncd /\nexport MODULE=loaded\ntrap 'echo Bye' EXIT\n"
    (tmp_path / ".bash_logout").write_text("echo Goodbye\n")
    asked = params(python_file_name=str(tmp_path / "train.py"), prologue='echo "$MODULE"')
    done = run(tmp_path, asked, profile)
    assert (done.returncode, done.stdout, done.stderr) == (1, "loaded\nbegun\n", "uh\n")
    assert (tmp_path / "exit_code").read_text() == "7 1\n"


@pytest.mark.parametrize("profile", ["echo Welcome; exit 0", "echo Welcome; exec true"])
def test_a_profile_that_ends_the_shell_fails_the_job(tmp_path: Path, profile: str) -> None:
    done = run(tmp_path, params(), profile)
    assert (done.returncode, done.stdout) == (1, "Welcome\n")
    assert "ended the shell (exit code 0) before the job began" in done.stderr
    assert not (tmp_path / "exit_code").exists()


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"max_time": "soon"}, "'soon' is not valid: write minutes, hours:minutes:seconds or days-hours"),
        ({"memory": "4GB"}, "'4GB' is not valid: write a whole number and K, M, G or T, for example 4G"),
        ({"gpus": "all"}, "'all' is not valid: write a number, or a type and a number, for example a100:2"),
        ({"job_name": "a b"}, "'a b' is not valid: write letters, digits and . _ + -"),
        (
            {"submission_host": "-oProxyCommand=x"},
            "'-oProxyCommand=x' is not valid: write HOST, USER@HOST or USER@HOST:PORT",
        ),
        ({"options": ["--output=x"]}, "'--output=x' is set by the flow: leave it out, or use the parameter for it"),
        ({"options": ["--a\n#SBATCH"]}, "is not a long option of sbatch: write for example --account=m1234"),
    ],
)
def test_what_sbatch_would_misunderstand_is_refused(wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        params(**wrong)
    assert line in str(refusal.value.errors()[0]["ctx"]["error"])
