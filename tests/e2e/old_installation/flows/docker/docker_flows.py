"""The flow of a process worker that leaves the container to a shell script, as installations of before have it."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from prefect import State, context, flow, get_run_logger
from prefect.states import Failed


@flow(name="Docker flow")
def launch_docker(docker_params: dict[str, Any], prev_flow_run_id: str = "") -> str | State[Any]:
    """Runs the container of an algorithm."""
    logger = get_run_logger()
    run: Any = context.get_run_context()
    params = docker_params["params"]
    params["io_parameters"] = {"uid_retrieve": prev_flow_run_id, "uid_save": str(run.flow_run.id)}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(params, file)
        file.flush()
        Path(file.name).chmod(0o644)
        volumes = [*docker_params["volumes"], f"{file.name}:/app/work/config/params.yaml"]
        image = f"{docker_params['image_name']}:{docker_params['image_tag']}"
        command = ["bash", "flows/docker/bash_run_docker.sh", image, docker_params["command"], " ".join(volumes)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    logger.info("%s%s", done.stdout, done.stderr)
    return Failed(message="Docker command failed") if done.returncode else str(run.flow_run.id)
