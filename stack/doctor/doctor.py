"""`render.py doctor`: what this machine lacks for its site, each with advice. Reads only; changes nothing."""

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from stack.components import registry, server, storage, workerengines
from stack.core.errors import SiteError
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine, Port
from stack.run.machine import ThisMachine
from stack.site import Site

# Compose 2.20 is the first that waits for one-shot services in `up --wait`; tested with 2.26.
MIN_COMPOSE = (2, 20)
# The images of server, agent and client unpack to about 1.5 GiB; the rest is for a database and logs.
MIN_DISK_GIB = 5
# API 200 MiB, services 154, worker 102, PostgreSQL 102, Redis 5, and 300 for one run of a flow with pandas.
MIN_MEMORY_GIB = 1
GIB = 1024**3

PUBLISHING = (server, registry, storage)
ASKED = (server, registry, storage, workerengines)


def run(site: Site) -> int:
    """Prints every finding; 1 if one of them stops the site from working."""
    with ThisMachine(site.root) as machine:
        found = list(findings(site, machine))
    for finding in found:
        print(finding.line())
    return int(any(finding.status == FAIL for finding in found))


def findings(site: Site, machine: Machine) -> Iterator[Finding]:
    """Of the machine, then of each component. An engine that stops answering is one of them."""
    checks = (
        engine(machine),
        ports(site, machine),
        disk(site, machine),
        memory(machine),
        *(part.findings(site.settings, machine) for part in ASKED),
    )
    for check in checks:
        try:
            yield from check
        except SiteError as error:
            yield from (Finding(FAIL, fault) for fault in error.faults)


def engine(machine: Machine) -> Iterator[Finding]:
    fault = machine.engine_fault
    if fault is None:
        yield Finding(OK, f"Docker engine {_output(machine, 'version', '--format', '{{.Server.Version}}')}")
        yield _compose_version(machine)
    elif "permission denied" in fault:
        yield Finding(
            FAIL,
            "this user may not use the Docker socket",
            "add the user to the group that owns the socket and log in again",
        )
    else:
        yield Finding(
            NOTE,
            f"no containers: {fault}",
            "`make engine` installs an engine; without one, the site runs as processes",
        )


def _compose_version(machine: Machine) -> Finding:
    text = _output(machine, "compose", "version", "--short")
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    if numbers < MIN_COMPOSE:
        return Finding(FAIL, f"Docker Compose {text}", f"install {'.'.join(map(str, MIN_COMPOSE))} or later")
    return Finding(OK, f"Docker Compose {text}")


def ports(site: Site, machine: Machine) -> Iterator[Finding]:
    for part in PUBLISHING:
        yield from map(_port, part.ports(site.settings, machine))


def _port(port: Port) -> Finding:
    name = f"port {port.number} on {port.address}"
    if port.user:
        return Finding(OK, f"{name} is used by {port.user}")
    if reason := _fault_of_listening(port):
        return Finding(
            FAIL,
            f"{name} is not available ({reason})",
            f"stop the program that uses it, or set another {port.setting}",
        )
    return Finding(OK, f"{name} is free")


def _fault_of_listening(port: Port) -> str:
    with socket.socket(socket.AF_INET6 if ":" in port.address else socket.AF_INET) as probe:
        # Like the engine's own listener: a connection that was closed a moment ago does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.address, port.number))
        except OSError as error:
            return str(error.strerror)
    return ""


def disk(site: Site, machine: Machine) -> Iterator[Finding]:
    places = {"the site's folder": site.root}
    if machine.engine_fault is None:
        places["the engine's images"] = Path(_output(machine, "info", "--format", "{{.DockerRootDir}}"))
    for name, path in places.items():
        free = shutil.disk_usage(_existing(path)).free / GIB
        text = f"{free:.1f} GiB free for {name}"
        enough = free >= MIN_DISK_GIB
        yield Finding(OK, text) if enough else Finding(FAIL, text, f"{MIN_DISK_GIB} GiB are needed; make room")


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def memory(machine: Machine) -> Iterator[Finding]:
    match = re.search(rb"^MemAvailable:\s+(\d+) kB", machine.read("/proc/meminfo") or b"", re.MULTILINE)
    if not match:
        yield Finding(NOTE, "free memory unknown: this system has no /proc/meminfo")
        return
    free = int(match[1]) * 1024 / GIB
    text = f"{free:.1f} GiB of memory free"
    enough = free >= MIN_MEMORY_GIB
    yield Finding(OK, text) if enough else Finding(FAIL, text, f"{MIN_MEMORY_GIB} GiB is needed for a small site")


def _output(machine: Machine, *words: str) -> str:
    return machine.docker(*words).output.strip()
