#!/bin/sh
# A health check that ends its container's program where it is stuck: end-if-stuck.sh SECONDS CHECK...
#
# Docker restarts what ends, and not what is unhealthy. CHECK exits with 0 if all is well, with 3 if the program itself
# is stuck, and with anything else if it waits for something outside, which a restart would not help. The program is
# ended after SECONDS of nothing but 3, and never before its first 0: a start may take long.
# It is not PID 1 (`init: true`): that would not hear its own container's SIGKILL.
set -u
well=/tmp/was-well stuck=/tmp/is-stuck seconds=$1
shift

"$@"
status=$?
if [ "$status" -eq 0 ]; then
    : >"$well"
fi
if [ "$status" -ne 3 ] || [ ! -e "$well" ]; then
    rm -f "$stuck"
    exit "$status"
fi

now=$(date +%s)
[ -e "$stuck" ] || echo "$now" >"$stuck"
since=$(cat "$stuck")
if [ $((now - since)) -ge "$seconds" ]; then
    read -r children </proc/1/task/1/children
    echo "stuck for $((now - since)) s: ended, to be started again" | tee /proc/1/fd/2
    rm -f "$stuck" "$well"
    # shellcheck disable=SC2086  # one word for each process
    kill -KILL $children
fi
exit 1
