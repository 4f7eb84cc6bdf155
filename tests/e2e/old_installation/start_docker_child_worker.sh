#!/bin/bash
# A process worker as it was started before: the API and its login come from the shell.
prefect work-pool create docker_pool --type process
prefect --no-prompt deploy --name launch_docker --pool docker_pool
exec prefect worker start --pool docker_pool --limit 4
