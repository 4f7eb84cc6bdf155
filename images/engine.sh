#!/usr/bin/env bash
# Gives this machine a running Docker Engine from the distribution's packages: `make engine`.
#
# Debian or Ubuntu, as root. A daemon that answers is left alone. Debian bookworm packages neither the Compose
# plugin nor BuildKit's client, so there the four packages come from trixie, the next release, at a pin priority
# that touches nothing else. No host name is written here: the source is derived from the machine's own.
set -euo pipefail
# What it writes below /etc is for all users, apt's own among them.
umask 022

readonly LOG=/var/log/dockerd.log
readonly PID_FILES=(/run/docker.pid /run/docker/containerd/containerd.pid)
readonly PACKAGES=(docker.io docker-cli docker-compose docker-buildx)
readonly START_SECONDS=60

say() { printf 'engine: %s\n' "$*"; }
die() { printf 'engine: %s\n' "$*" >&2; exit 1; }

daemon_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

plugins_present() { docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; }

require_debian_root() {
    [ "$(id -u)" = 0 ] || die "installing an engine needs root; run 'sudo make engine', or install Docker Engine with Compose v2 yourself"
    command -v apt-get >/dev/null || die "only Debian and Ubuntu are handled here; install Docker Engine with Compose v2 from your distribution"
}

codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# Copies the machine's own bookworm source with the release name exchanged; deb822 and one-line files alike.
add_trixie_source() {
    local file target
    for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list; do
        grep -Eqs '(^|[[:space:]])bookworm([[:space:]]|$)' "$file" || continue
        target=/etc/apt/sources.list.d/site-trixie.${file##*.}
        sed -E 's/(^|[[:space:]])bookworm([[:space:]]|$)/\1trixie\2/; s/bookworm-(updates|security|backports)//g' "$file" |
            awk 'BEGIN { RS = ""; ORS = "\n\n" } /trixie/' > "$target"
        printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' > /etc/apt/preferences.d/site-trixie
        return
    done
    die "found no Debian bookworm source in /etc/apt to derive the next release's from"
}

install_packages() {
    local release=()
    export DEBIAN_FRONTEND=noninteractive
    if [ "$(codename)" = bookworm ]; then
        add_trixie_source
        release=(-t trixie)
    fi
    say "installing ${PACKAGES[*]} (a minute or two)"
    apt-get -q update >/dev/null
    # containerd, runc and iptables come from the machine's own release; only the four named are newer.
    apt-get -qq install -y --no-install-recommends containerd runc iptables ca-certificates >/dev/null
    apt-get -qq install -y --no-install-recommends "${release[@]}" "${PACKAGES[@]}" >/dev/null
}

# A daemon that was ended hard leaves its pid files; dockerd refuses to start while they name a live process,
# and after a reboot such a number may be anybody's.
clear_stale() {
    local file pid
    for file in "${PID_FILES[@]}"; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        case "$(cat "/proc/$pid/comm" 2>/dev/null)" in
            dockerd | containerd) die "process $pid is a Docker daemon that does not answer; its log is $LOG. End it with 'kill $pid' and try again" ;;
        esac
        rm -f "$file"
    done
}

start_daemon() {
    local waited=0
    if [ -d /run/systemd/system ]; then
        systemctl enable --now docker
    else
        clear_stale
        # No init system: detached from this shell, so that it outlives `make`.
        setsid nohup dockerd >>"$LOG" 2>&1 </dev/null &
    fi
    until daemon_answers; do
        waited=$((waited + 1))
        [ "$waited" -le "$START_SECONDS" ] || die "the daemon did not answer within $START_SECONDS s; the last lines of $LOG: $(tail -n 3 "$LOG" 2>/dev/null)"
        sleep 1
    done
}

main() {
    if daemon_answers && plugins_present; then
        say "Docker Engine $(docker version --format '{{.Server.Version}}') answers; nothing to do"
        return
    fi
    if [ -n "${DOCKER_HOST:-}" ]; then
        die "DOCKER_HOST is set to '$DOCKER_HOST' and no daemon with Compose and Buildx answers there; unset it, or start that daemon"
    fi
    require_debian_root
    if ! command -v dockerd >/dev/null || ! plugins_present; then install_packages; fi
    daemon_answers || start_daemon
    say "Docker Engine $(docker version --format '{{.Server.Version}}') runs; Compose $(docker compose version --short)"
}

main "$@"
