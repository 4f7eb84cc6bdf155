#!/bin/sh
# Starts PostgreSQL; a volume without a cluster gets one first.
#
# The contract of the public image, as far as Compose files use it: POSTGRES_USER (default: postgres), POSTGRES_DB
# (default: the user), POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, POSTGRES_INITDB_ARGS, PGDATA; begins as root,
# goes on as postgres; a first argument with a dash is an option of the server; any other command is run as it is.
set -eu

die() {
    printf 'postgres: %s\n' "$*" >&2
    exit 1
}

as_postgres() { exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

# Root reads the file: a secret need not be readable for anybody else.
read_password() {
    [ -n "${POSTGRES_PASSWORD_FILE:-}" ] || return 0
    [ -z "${POSTGRES_PASSWORD:-}" ] || die "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set; keep one"
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") || die "cannot read POSTGRES_PASSWORD_FILE"
    export POSTGRES_PASSWORD
    unset POSTGRES_PASSWORD_FILE
}

own_directories() {
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres {} +
}

# The password file of initdb is a pipe: it touches no disk.
init_cluster() {
    [ -n "${POSTGRES_PASSWORD:-}" ] || die "no password; set POSTGRES_PASSWORD_FILE, or POSTGRES_PASSWORD"
    rm -rf "$draft"
    # shellcheck disable=SC2086
    printf '%s\n' "$POSTGRES_PASSWORD" |
        initdb --pgdata="$draft" --username="${POSTGRES_USER:-postgres}" --pwfile=/dev/stdin ${POSTGRES_INITDB_ARGS:-}
    printf '\nhost all all all scram-sha-256\n' >>"$draft/pg_hba.conf"
    create_database "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"
    touch "$draft/complete"
}

# A server that only this script can reach, as long as it takes.
create_database() {
    [ "$1" != postgres ] || return 0
    pg_ctl --pgdata="$draft" --wait --silent --options="-c listen_addresses= -c unix_socket_directories=$draft" start
    createdb --host="$draft" --username="${POSTGRES_USER:-postgres}" --maintenance-db=postgres -- "$1"
    pg_ctl --pgdata="$draft" --wait --silent --mode=fast stop
}

# A first start may be killed at any moment. So the cluster is made beside its place and moved when it is complete,
# the file that marks a cluster last.
init_once() {
    [ ! -s "$PGDATA/PG_VERSION" ] || return 0
    [ -e "$draft/complete" ] || init_cluster
    find "$draft" -mindepth 1 -maxdepth 1 \! -name PG_VERSION \! -name complete -exec mv -t "$PGDATA" {} +
    mv "$draft/PG_VERSION" "$PGDATA"
    rm -rf "$draft"
}

case ${1:-} in
    -*) set -- postgres "$@" ;;
esac
[ "${1:-}" = postgres ] || exec "$@"

draft=$PGDATA/.draft
if [ "$(id -u)" = 0 ]; then
    read_password
    own_directories
    as_postgres "$0" "$@"
fi
read_password
init_once
unset POSTGRES_PASSWORD
exec "$@"
