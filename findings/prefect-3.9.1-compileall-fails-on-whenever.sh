#!/bin/sh
# Precompiling the packages of Prefect 3.9.1 on Python 3.11 fails without a word.
#
# Versions:  whenever 0.11.0 (which prefect 3.9.1 needs for cron schedules), Python 3.11.
# Behaviour: `python -m compileall -qq` over site-packages, a usual step of a Dockerfile, exits with 1 and prints nothing,
#            although the package imports. It ships whenever/_typing_312.py in the syntax of Python 3.12.
# Seen:      compileall: exit 1, output ""
#            import: ok
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder" whenever==0.11.0
status=0
output=$(python3.11 -m compileall -qq "$folder" 2>&1) || status=$?
printf 'compileall: exit %s, output "%s"\n' "$status" "$output"
PYTHONPATH="$folder" python3.11 -c 'import whenever; print("import: ok")'
[ "$status" = 1 ] && [ -z "$output" ]
