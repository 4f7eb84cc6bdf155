#!/bin/bash
# bash_run_docker.sh IMAGE COMMAND VOLUMES
for volume in $3; do
    mounts+=(--volume "$volume")
done
read -ra words <<<"$2"
exec docker run --rm "${mounts[@]}" "$1" "${words[@]}" /app/work/config/params.yaml
