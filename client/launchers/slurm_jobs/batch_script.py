"""The batch script of a job: what Slurm is asked for, and what the node then does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from launchers.slurm_jobs.schema import SlurmParams

SCRIPT, PARAMS, OUTPUT, EXIT_CODE = "job.sh", "params.yaml", "output.log", "exit_code"

# conda's own `run` holds the output back until the end, which is not wanted; the other two know no such option.
_ENVIRONMENT = """\
manager=$(command -v conda || command -v mamba || command -v micromamba) || {{
    echo "$(hostname) has no conda, mamba or micromamba on its PATH: load one in prologue" >&2
    manager=false
}}
case $("$manager" --version 2>&1) in *conda*) streamed=--no-capture-output ;; *) streamed= ;; esac
set -- "$manager" run $streamed --name {environment} python {script} "$PWD/{params}"
"""
_PLAIN = """\
set -- python3 {script} "$PWD/{params}"
"""
_END = """\
{launcher}"$@"
code=$?
echo "$SLURM_JOB_ID $code" > {exit_code}
exit "$code"
"""


def batch_script(params: SlurmParams, flow_run_id: str) -> str:
    """The text of the script, to be submitted from the job's own folder, where its other files are.

    The comment is how the job is found again. Its number and exit code are left in a file, since Slurm forgets jobs
    that are over.
    """
    return "\n".join(
        [
            "#!/bin/bash -l",
            *(f"#SBATCH {shlex.quote(option)}" for option in _options(params, flow_run_id)),
            f"rm -f {EXIT_CODE}",  # of a job that Slurm has queued again
            "export PYTHONUNBUFFERED=1",
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
