#!/bin/sh
# Frees the space of layers that no image of the registry uses any longer: sh registry/collect-garbage.sh
#
# The registry is down meanwhile, for what is pushed during the collection could be collected with the rest; and a
# running one would remember layers that are gone and refuse to take them again.
set -eu
cd "$(dirname "$0")"
# What is set for other projects would make Compose read other files, or use another name.
for name in $(env | sed -n 's/^\(COMPOSE_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done

start() {
    docker compose --progress quiet up --detach --wait
}

# Before the stop: who interrupts that has a registry again too.
trap start EXIT
trap 'exit 130' INT TERM
docker compose --progress quiet stop
echo "The registry is down for the collection."
docker compose --progress quiet run --rm --no-TTY registry garbage-collect /run/secrets/config.yml
