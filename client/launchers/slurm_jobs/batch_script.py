"""The batch script of a job: what Slurm is asked for, and what the node then does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from launchers.slurm_jobs.schema import SlurmParams

SCRIPT, PARAMS, OUTPUT, EXIT_CODE = "job.sh", "params.yaml", "output.log", "exit_code"

# Slurm gives the script to a shell; that one starts a login shell, for modules and the like. What start-up files print
# is not the job's output, so it goes to a file, which is shown only where they end the shell. They may print at the end
# too, in a trap or in ~/.bash_logout, which bash reads at an `exit`.
_BEGIN = """\
if [ $# = 0 ]; then
    rm -f {exit_code} started
    bash -l "$0" "$PWD" 3>&1 4>&2 >startup.log 2>&1
    code=$?
    [ ! -e started ] || exit "$code"
    cat startup.log
    echo "start-up files on $(hostname) ended the shell (exit code $code) before the job began" >&2
    exit 1
fi
exec >&3 2>&4 3>&- 4>&-
trap - EXIT
cd "$1" && : > started || exit 1
"""
# conda's own `run` holds the output back until the end, which is not wanted; the other two know no such option. Only
# conda, and mamba 1, name conda's version, perhaps among what a start-up file prints.
_ENVIRONMENT = """\
manager=$(command -v conda || command -v mamba || command -v micromamba) || {{
    echo "$(hostname) has no conda, mamba or micromamba on its PATH: load one in prologue" >&2
    manager=false
}}
streamed=
if "$manager" --version 2>/dev/null | grep -Eq '(^|[^i])conda [0-9]'; then streamed=--no-capture-output; fi
set -- "$manager" run $streamed --name {environment} python {script} "$PWD/{params}"
"""
_PLAIN = """\
set -- python3 {script} "$PWD/{params}"
"""
_END = """\
{launcher}"$@"
code=$?
echo "$SLURM_JOB_ID $code" > {exit_code}
(exit "$code")
"""


def batch_script(params: SlurmParams, flow_run_id: str) -> str:
    """The text of the script, to be submitted from the job's own folder, where its other files are.

    The comment is how the job is found again. Its number and exit code are left in a file, since Slurm forgets jobs
    that are over.
    """
    return "\n".join(
        [
            "#!/bin/sh",
            *(f"#SBATCH {shlex.quote(option)}" for option in _options(params, flow_run_id)),
            _BEGIN.format(exit_code=EXIT_CODE) + "export PYTHONUNBUFFERED=1",
            params.prologue,
            _command(params) + _END.format(launcher="srun " if params.num_nodes > 1 else "", exit_code=EXIT_CODE),
        ]
    )


def _command(params: SlurmParams) -> str:
    script = shlex.quote(params.python_file_name)
    if not params.conda_env_name:
        return _PLAIN.format(script=script, params=PARAMS)
    return _ENVIRONMENT.format(environment=shlex.quote(params.conda_env_name), script=script, params=PARAMS)


def _options(params: SlurmParams, flow_run_id: str) -> Iterator[str]:
    yield f"--job-name={params.job_name}"
    yield f"--comment={flow_run_id}"
    yield f"--output={OUTPUT}"
    yield "--open-mode=append"
    yield f"--nodes={params.num_nodes}"
    asked = {
        "partition": ",".join(params.partitions),
        "reservation": ",".join(params.reservations),
        "time": params.max_time,
        "mem": params.memory,
        "cpus-per-task": params.cpus,
        "gpus-per-node": params.gpus,
    }
    yield from (f"--{name}={value}" for name, value in asked.items() if value)
    yield from params.options
