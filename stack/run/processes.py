"""The site as plain processes under supervisord, for a machine without a container engine."""

import hashlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from stack.components import agent
from stack.components.agent import AGENT
from stack.components.client import CLIENT
from stack.components.server import SERVER
from stack.core.errors import SiteError
from stack.core.files import SECRET_FOLDER
from stack.core.repo import REPO
from stack.site import Site

COMPONENTS = (SERVER, AGENT, CLIENT)  # what can run without a container engine
CONFIG = "supervisord.conf"
STATE = Path(".site") / "processes"
LOCKS = ("images/prefect/requirements.txt", "images/flows/requirements.txt")
START_SECONDS = 300  # a busy machine takes minutes to start the API
# A Unix socket's path has at most 107 bytes on Linux (unix(7): sun_path, less its final zero).
SOCKET_PATH_BYTES = 107


def prepare(site: Site) -> None:
    """Refuses what could never run, and installs what the processes are made of; starts nothing."""
    _refuse_long_path(site.root)
    for component in site.components:
        if component not in COMPONENTS:
            print(f"{component.name}: left out, it needs a Docker engine")
    _install_packages()


def up(site: Site) -> None:
    """Starts what is not running, restarts what changed, registers the flows and runs the sample."""
    (site.root / STATE / "storage").mkdir(parents=True, exist_ok=True)
    if _control(site, "update").returncode != 0:
        _start(site)
    _wait(site, "the API", f"{_api_url(site)}/health")
    for workers in agent.here(site.settings):
        for port in workers.ports:
            _wait(site, f"the worker on port {port}", f"http://127.0.0.1:{port}/health")
    if CLIENT in site.components:
        _client(site, "registration.yaml", "--wait", str(site.settings.CLIENT_WAIT_SECONDS))
        for component in site.samples.keys() & set(COMPONENTS):
            _client(site, "run", site.samples[component], "--once")


def down(site: Site) -> None:
    """Ends supervisord and everything below it, and waits until all of it is gone."""
    pid = _running_pid(site)
    if pid is None:
        return
    _control(site, "shutdown")
    deadline = time.monotonic() + site.settings.AGENT_STOP_SECONDS + START_SECONDS
    while _exists(pid):
        if time.monotonic() > deadline:
            raise SiteError(
                f"supervisord (process {pid}) does not end; its log: {site.root / STATE / 'supervisord.log'}"
            )
        time.sleep(0.2)


def _refuse_long_path(root: Path) -> None:
    socket = root / STATE / "supervisor.sock"
    # supervisord appends its own pid while it binds.
    if len(os.fsencode(socket)) + len(".4194304") > SOCKET_PATH_BYTES:
        raise SiteError(f"{socket}: too long for a Unix socket; move the site to a folder with a shorter path")


def _install_packages() -> None:
    """Prefect and what the flows import, from the same locks as the images, into the environment that runs this."""
    stamp = Path(sys.prefix) / ".processes"
    wanted = hashlib.sha256(b"".join((REPO / lock).read_bytes() for lock in LOCKS)).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    if sys.prefix == sys.base_prefix:
        raise SiteError("the site's packages go into a virtual environment: start it with `make up`")
    print("installing Prefect and the flows' packages into .venv (about a minute)", flush=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    requirements = [argument for lock in LOCKS for argument in ("--requirement", str(REPO / lock))]
    if subprocess.run([*install, *requirements], check=False).returncode != 0:
        raise SiteError("pip could not install the packages; its message stands above; mend it and run `make up` again")
    stamp.write_text(wanted, encoding="utf-8")


def _start(site: Site) -> None:
    print("starting the processes", flush=True)
    command = [_tool("supervisord"), "--configuration", str(site.root / CONFIG)]
    result = subprocess.run(command, env=_environment(site), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SiteError(f"supervisord did not start: {' '.join((result.stderr or result.stdout).split())}")


def _control(site: Site, *action: str) -> subprocess.CompletedProcess[str]:
    """supervisorctl; a status other than 0 of `update` means that no supervisord answers."""
    command = [_tool("supervisorctl"), "--configuration", str(site.root / CONFIG), *action]
    result = subprocess.run(command, env=_environment(site), capture_output=True, text=True, check=False)
    if "refused connection" in result.stdout or "no such file" in result.stdout:
        return subprocess.CompletedProcess(command, 1, result.stdout, result.stderr)
    return result


def _client(site: Site, *arguments: str) -> None:
    """The registrar, as the client container would run it."""
    environment = _environment(site) | {
        "PREFECT_API_URL": _api_url(site),
        "PREFECT_HOME": str(site.root / STATE / "home"),
        "SITE_HOME": str(site.root / STATE / "storage"),
        "SECRETS_DIR": str(site.root / CLIENT.folder / SECRET_FOLDER),
        "PYTHONPATH": str(REPO / "client"),
    }
    wrapper = str(REPO / "images" / "prefect" / "with-secrets")
    command = ["sh", wrapper, sys.executable, "-m", "registrar", *arguments]
    if subprocess.run(command, cwd=site.root / "client", env=environment, check=False).returncode != 0:
        raise SiteError(f"client: `registrar {' '.join(arguments)}` failed; the logs are in {site.root / STATE}")


def _environment(site: Site) -> dict[str, str]:
    """This environment without settings of a Prefect of the user's own, and with the site's programs first."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return inherited | {"PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def _tool(name: str) -> str:
    return str(Path(sys.prefix) / "bin" / name)


def _api_url(site: Site) -> str:
    return site.settings.PREFECT_API_URL or f"http://127.0.0.1:{site.settings.SERVER_PORT}/api"


def _wait(site: Site, what: str, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if time.monotonic() > deadline:
            raise SiteError(f"{what} did not answer within {START_SECONDS} s; the logs are in {site.root / STATE}")
        time.sleep(0.2)
    print(f"{what} answers", flush=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _running_pid(site: Site) -> int | None:
    """supervisord's own answer, and not its pid file, which a killed one leaves behind."""
    answer = _control(site, "pid")
    return int(answer.stdout) if answer.returncode == 0 and answer.stdout.strip().isdigit() else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
