"""`render.py doctor`: what this machine lacks for its site, each with the mend. Reads only; changes nothing."""

import base64
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from stack.components.server import api_url_direct
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.doctor import nested, registry, storage
from stack.run import engine
from stack.site import Site

# Compose 2.20 is the first that waits for one-shot services in `up --wait`; tested with 2.26.
MIN_COMPOSE = (2, 20)
# The images of server, agent and client unpack to about 1.5 GiB; the rest is room for a database and logs.
MIN_DISK_GIB = 5
# API 200 MiB, services 154, worker 102, PostgreSQL 102, Redis 5, and 300 for one run of a flow with pandas.
MIN_MEMORY_GIB = 1
MAX_CLOCK_SECONDS = 5
GIB = 1024**3


def run(site: Site) -> int:
    """Prints every finding; 1 where one of them stops the site from working."""
    findings = [finding for check in CHECKS for finding in check(site)]
    for finding in findings:
        print(finding.line())
    return int(any(finding.status == FAIL for finding in findings))


def check_engine(site: Site) -> Iterator[Finding]:
    reason = engine.unusable()
    if reason is None:
        yield Finding(OK, f"Docker engine {_output('docker', 'version', '--format', '{{.Server.Version}}')}")
        yield _compose_version()
    elif "permission denied" in reason:
        yield Finding(
            FAIL,
            "the Docker socket is closed to this user",
            "add the user to the group that owns the socket and log in again",
        )
    else:
        yield Finding(
            NOTE, f"no containers: {reason}", "`make engine` installs one; without, the site runs as processes"
        )


def _compose_version() -> Finding:
    text = _output("docker", "compose", "version", "--short")
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    if numbers < MIN_COMPOSE:
        return Finding(FAIL, f"Docker Compose {text}", f"install {'.'.join(map(str, MIN_COMPOSE))} or later")
    return Finding(OK, f"Docker Compose {text}")


def check_ports(site: Site) -> Iterator[Finding]:
    settings = site.settings
    if _runs(site, "server"):
        ours = "a Prefect API" if _get(f"{_api(site)}/health") else ""
        yield _port("SERVER_PORT", settings.SERVER_BIND, settings.SERVER_PORT, ours)
    if _runs(site, "registry"):
        ours = "this site's registry" if registry.is_running(site) else ""
        yield _port("REGISTRY_PORT", settings.REGISTRY_BIND, settings.REGISTRY_PORT, ours)
    if _runs(site, "storage"):
        ours = "an S3 server" if storage.is_running(site) else ""
        yield _port("STORAGE_PORT", settings.STORAGE_BIND, settings.STORAGE_PORT, ours)


def _port(setting: str, address: str, port: int, ours: str) -> Finding:
    """`ours` is what has the port where it is no stranger."""
    if ours:
        return Finding(OK, f"port {port} on {address} is taken by {ours}")
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        # As the engine's own listener does: a connection that was closed a moment ago keeps no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return Finding(
                FAIL,
                f"port {port} on {address} cannot be had ({error.strerror})",
                f"end what has it, or set another {setting}",
            )
    return Finding(OK, f"port {port} on {address} is free")


def check_disk(site: Site) -> Iterator[Finding]:
    places = {"the site's folder": _existing(site.root)}
    if engine.unusable() is None:
        places["the engine's images"] = _existing(Path(_output("docker", "info", "--format", "{{.DockerRootDir}}")))
    for name, path in places.items():
        free = shutil.disk_usage(path).free / GIB
        text = f"{free:.1f} GiB free for {name}"
        yield (
            Finding(OK, text)
            if free >= MIN_DISK_GIB
            else Finding(FAIL, text, f"{MIN_DISK_GIB} GiB are needed; make room")
        )


def check_memory(site: Site) -> Iterator[Finding]:
    match = re.search(r"^MemAvailable:\s+(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    if not match:
        yield Finding(NOTE, "free memory unknown: this system has no /proc/meminfo")
        return
    free = int(match[1]) * 1024 / GIB
    text = f"{free:.1f} GiB of memory free"
    yield (
        Finding(OK, text)
        if free >= MIN_MEMORY_GIB
        else Finding(FAIL, text, f"{MIN_MEMORY_GIB} GiB is needed for a small site")
    )


def check_api(site: Site) -> Iterator[Finding]:
    if not any(component.calls_api for component in site.components):
        return
    url = _api(site)
    answer = _get(f"{url}/health")
    if answer is None:
        mend = (
            "start it with `make up`"
            if _runs(site, "server")
            else "check PREFECT_API_URL, the network, and that the server runs"
        )
        yield Finding(NOTE if _runs(site, "server") else FAIL, f"no API answers at {url}", mend)
        return
    yield Finding(OK, f"the API answers at {url}")
    yield from _clock(answer)
    yield _server_version(site, url)


def _clock(answer: "Answer") -> Iterator[Finding]:
    if not answer.date:
        return
    skew = abs(parsedate_to_datetime(answer.date).timestamp() - time.time())
    if skew > MAX_CLOCK_SECONDS:
        yield Finding(
            FAIL,
            f"this clock and the server's are {skew:.0f} s apart",
            "let both follow NTP: schedules and late runs go by the clock",
        )
    else:
        yield Finding(OK, "this clock agrees with the server's")


def _server_version(site: Site, url: str) -> Finding:
    answer = _get(f"{url}/admin/version", site.settings.PREFECT_API_AUTH_STRING)
    if answer is None:
        return Finding(
            FAIL,
            "the API refuses the login of PREFECT_API_AUTH_STRING",
            "copy the server's; after a change there, `docker compose up -d` in server/",
        )
    version, wanted = json.loads(answer.body), site.settings.PREFECT_VERSION
    if _numbers(version) < _numbers(wanted):
        return Finding(
            FAIL,
            f"the server is Prefect {version}, older than this site's {wanted}",
            "update the server first: an older one refuses newer clients",
        )
    return Finding(OK, f"the server is Prefect {version}, this site {wanted}")


CHECKS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    check_engine,
    check_ports,
    check_disk,
    check_memory,
    check_api,
    registry.check,
    storage.check,
    nested.check,
)


@dataclass(frozen=True)
class Answer:
    """What an HTTP GET returned with status 200."""

    body: str
    date: str


def _get(url: str, login: str = "") -> Answer | None:
    request = urllib.request.Request(url)
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return Answer(response.read().decode(), response.headers.get("Date", ""))
    except (OSError, urllib.error.URLError):
        return None


def _api(site: Site) -> str:
    """The API as this machine, and not a container on it, reaches it."""
    return api_url_direct(site.settings)


def _runs(site: Site, name: str) -> bool:
    return any(component.name == name for component in site.components)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=15, check=False).stdout.strip()
