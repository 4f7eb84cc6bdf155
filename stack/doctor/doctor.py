"""`render.py doctor`: what this machine lacks for its site, each with advice. Reads only; changes nothing."""

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from stack.components.all import ALL
from stack.components.component import Component
from stack.components.server import SERVER
from stack.core.errors import SiteError
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine
from stack.images import flow_images
from stack.run import strays
from stack.run.engine import AUTO, PROCESSES, RECORD, is_absent
from stack.run.engine import advice as engine_advice
from stack.run.machine import ThisMachine
from stack.settings.settings import Settings
from stack.site import Site

# Compose 2.20 is the first that waits for one-shot services in `up --wait`; tested with 2.26.
MIN_COMPOSE = (2, 20)
# The images of server, agent and client unpack to about 1.5 GiB; the rest is for a database and logs.
MIN_DISK_GIB = 5
# API 200 MiB, services 154, worker 102, PostgreSQL 102, Redis 5, and 300 for one run of a flow with pandas.
MIN_MEMORY_GIB = 1
GIB = 1024**3


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
        engine(site.settings, machine),
        projects(site, machine),
        ports(site, machine),
        disk(site, machine),
        memory(machine),
        *(component.findings(site.settings, machine) for component in _asked(site)),
        flow_images.findings(site.settings, machine),
    )
    for check in checks:
        try:
            yield from check
        except SiteError as error:
            yield from (Finding(FAIL, fault) for fault in error.faults)


def engine(settings: Settings, machine: Machine) -> Iterator[Finding]:
    fault = machine.engine_fault
    if fault is None:
        yield Finding(OK, f"Docker engine {_output(machine, 'version', '--format', '{{.Server.Version}}')}")
        yield _compose_version(machine)
        if settings.SITE_RUNS_AS == AUTO and machine.read(str(RECORD)) == f"{PROCESSES}\n".encode():
            yield Finding(
                NOTE,
                "this site runs as processes, as at its first start, although this engine answers",
                f"`make down`, remove {RECORD}, and `make up` begin an empty site in containers",
            )
    elif settings.SITE_RUNS_AS == PROCESSES:
        yield Finding(NOTE, f"no containers: {fault}; SITE_RUNS_AS asks for none")
    elif settings.SITE_RUNS_AS == AUTO and is_absent(fault):
        yield Finding(
            NOTE,
            f"no containers: {fault}",
            "`make engine` installs an engine; without one, the site runs as processes",
        )
    else:
        yield Finding(FAIL, fault, engine_advice(fault))


def projects(site: Site, machine: Machine) -> Iterator[Finding]:
    """What makes the user's own `docker compose` something else than the commands of the pages."""
    if machine.engine_fault is not None:
        return
    if names := " ".join(strays.misleading()):
        what = f"set in this shell: {names}; `make` ignores that, but your own `docker compose` follows it"
        yield Finding(NOTE, what, f"`unset {names}`")
    for what, advice in strays.faults(site.settings.SITE, machine):
        yield Finding(FAIL, what, advice)


def _compose_version(machine: Machine) -> Finding:
    text = _output(machine, "compose", "version", "--short")
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    if numbers < MIN_COMPOSE:
        return Finding(FAIL, f"Docker Compose {text}", f"install {'.'.join(map(str, MIN_COMPOSE))} or later")
    return Finding(OK, f"Docker Compose {text}")


def _asked(site: Site) -> list[Component]:
    """Those of other machines as well: this one may use their server, registry or storage."""
    needs_api = any(component.calls_api for component in site.components)
    return [component for component in ALL if component is not SERVER or needs_api]


def ports(site: Site, machine: Machine) -> Iterator[Finding]:
    for component in site.components:
        if component.published:
            yield _port(component.published, site.settings, component.port_user(site.settings, machine))


def _port(prefix: str, settings: Settings, user: str) -> Finding:
    """`user` is what uses the port now, if that belongs to the site."""
    address, number = getattr(settings, f"{prefix}_BIND"), getattr(settings, f"{prefix}_PORT")
    name = f"port {number} on {address}"
    if user:
        return Finding(OK, f"{name} is used by {user}")
    if reason := _fault_of_listening(address, number):
        advice = f"stop the program that uses it, or set another {prefix}_PORT"
        return Finding(FAIL, f"{name} is not available ({reason})", advice)
    return Finding(OK, f"{name} is free")


def _fault_of_listening(address: str, port: int) -> str:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        # Like the engine's own listener: a connection that was closed a moment ago does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
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
