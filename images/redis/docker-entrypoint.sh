#!/bin/sh
# Starts Redis as the user redis, also if root starts the container.
#
# The contract of the public image: a first argument that is an option or a *.conf file belongs to the server; any
# other command is run as it is.
set -eu

case ${1:-} in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis {} +
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi

# What Redis writes is readable for itself only.
umask 0077
exec "$@"
