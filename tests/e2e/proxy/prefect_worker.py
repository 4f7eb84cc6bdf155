"""Prefect's Docker worker, its own code, on one run: DOCKER_HOST says where, the arguments image, network, command.

Prints the container's output and, last, its exit code. Events go nowhere: no server takes part.
"""

import sys

from prefect_docker.worker import DockerWorker, DockerWorkerJobConfiguration  # type: ignore[import-untyped]

image, network, command = sys.argv[1:]
worker = DockerWorker(work_pool_name="pool", test_mode=True)
worker._emit_container_status_change_event = lambda *_, **__: None
job = DockerWorkerJobConfiguration(
    image=image,
    image_pull_policy="IfNotPresent",
    command=command,
    networks=[network, f"{network}-more"],
    labels={"site.test": "1", "io.prefect.flow-run-id": "7"},
    env={"PREFECT_API_URL": "http://server:4200/api"},
    mem_limit="256m",
    volumes=[f"{network}-flows:/srv/site"],
    name=f"{network}-job",
    stream_output=True,
)
container, created = worker._create_and_start_container(job)
container = worker._watch_container_safe(container, job, created)
worker._stop_container(container.id, 1)
print(container.attrs["State"]["ExitCode"])
