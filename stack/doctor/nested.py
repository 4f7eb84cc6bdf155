"""What `render.py doctor` asks about engines in containers of the site: does each answer, and has it what runs need."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from stack.components import registry
from stack.components.all import docker_workers
from stack.components.dockerworkers import DockerWorkers
from stack.components.worker_dind import WORKER_DIND
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.run import compose, engine, nested
from stack.run.registry_login import LOGIN_SECONDS, failure, last_line, mend
from stack.site import Site

TUN = Path("/dev/net/tun")
NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
# A login that is gone with the command, in Docker's way and in Podman's.
APART = 'd=$(mktemp -d); DOCKER_CONFIG=$d REGISTRY_AUTH_FILE=$d/auth.json "$@"; s=$?; rm -r "$d"; exit $s'


def check(site: Site) -> Iterator[Finding]:
    if engine.unusable() is not None:
        return
    if WORKER_DIND in site.components and site.settings.DIND_ROOTLESS:
        yield from rootless()
    every = docker_workers(site.settings)
    for component in site.components:
        if (workers := every.get(component.name)) and workers.nested:
            yield from _engine(site, workers)


def rootless(tun: Path = TUN, namespaces: Path = NAMESPACES) -> Iterator[Finding]:
    """What the kernel of this machine lacks for an engine without privileges."""
    if not tun.exists():
        yield Finding(FAIL, f"DIND_ROOTLESS: this machine has no {tun}", "load it as root with `modprobe tun`")
    if namespaces.exists() and namespaces.read_text(encoding="utf-8").strip() == "0":
        yield Finding(
            FAIL,
            "DIND_ROOTLESS: this machine allows no user namespaces",
            f"write a number such as 10000 into {namespaces} as root, or set DIND_ROOTLESS=false",
        )


def _engine(site: Site, workers: DockerWorkers) -> Iterator[Finding]:
    name, component = f"the engine of {workers.component.name}", workers.component
    if not compose.is_running(site.root, component, workers.nested):
        yield Finding(NOTE, f"{name} is not running", "start it with `make up`")
        return
    asked = nested.ask(site.root, workers, "version", "--format", "{{.Server.Version}}")
    if asked.returncode != 0:
        logs = compose.by_hand(component, "logs", workers.nested)
        yield Finding(FAIL, f"{name} does not answer ({last_line(asked.stderr)})", f"{logs} says why")
        return
    yield Finding(OK, f"{name} answers: {workers.client} {asked.stdout.strip()}")
    if lacking := nested.lacking(site, workers):
        yield Finding(NOTE, f"{name} lacks {' and '.join(lacking)}", "`make up` loads it")
    if registry.has_login(site.settings):
        yield _login(site, workers, name)


def _login(site: Site, workers: DockerWorkers, name: str) -> Finding:
    settings = site.settings
    login = ["login", "--username", settings.REGISTRY_USER, "--password-stdin", registry.address(settings)]
    command = compose.service_command(
        workers.component, workers.nested, "sh", "-c", APART, "sh", workers.client, *login
    )
    try:
        done = subprocess.run(
            command,
            cwd=site.root / workers.component.folder,
            input=settings.REGISTRY_PASSWORD,
            capture_output=True,
            text=True,
            timeout=LOGIN_SECONDS,
            check=False,
        )
        refusal = last_line(done.stderr) if done.returncode else ""
    except subprocess.TimeoutExpired:
        refusal = f"no answer within {LOGIN_SECONDS} s"
    if not refusal:
        return Finding(OK, f"{name} logs in to {registry.address(settings)} as {settings.REGISTRY_USER}")
    return Finding(FAIL, failure(settings, refusal, name), mend(refusal))
