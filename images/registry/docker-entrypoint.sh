#!/bin/sh
# The contract of the public image: a configuration file is served, a subcommand or option goes to `registry`, any
# other command is run as it is.
set -eu

case ${1:-} in
    *.yml | *.yaml) set -- registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac

exec "$@"
