"""Runs the site as plain processes under supervisord, on a machine without a container engine."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stack.components import agent
from stack.components.agent import AGENT
from stack.components.all import no_proxy
from stack.components.client import CLIENT, SAMPLES
from stack.components.server import SERVER, browser_url, process_api_url
from stack.core.errors import SiteError
from stack.core.files import SECRET_FOLDER
from stack.core.repo import REPO
from stack.run import http
from stack.run.waiting import Progress
from stack.site import Site

COMPONENTS = (SERVER, AGENT, CLIENT)  # those that can run without a container engine
CONFIG = "supervisord.conf"
STATE = Path(".site") / "processes"
LOCKS = ("images/prefect/requirements.txt", "images/flows/requirements.txt")
START_SECONDS = 300  # a busy machine takes minutes to start the API
LOG_LINES = 15
# A Unix socket's path has at most 107 bytes on Linux (unix(7): sun_path, less its final zero).
SOCKET_PATH_BYTES = 107


def prepare(site: Site) -> None:
    """Refuses a site that could never run, and installs the packages of the processes; starts nothing."""
    _refuse_long_path(site.root)
    for component in site.components:
        if component not in COMPONENTS:
            print(f"{component.name}: left out, because it needs a Docker engine")
    _install_packages()


def up(site: Site) -> None:
    """Starts what is not running, restarts what changed, registers the flows and runs the sample."""
    (site.root / STATE / "storage").mkdir(parents=True, exist_ok=True)
    if _control(site, "update").returncode != 0:
        _start(site)
    _wait(site, "the API", f"{_api_url(site)}/health", "server.log")
    for workers in agent.here(site.settings):
        for port in workers.ports:
            _wait(
                site, f"the worker on port {port}", f"http://127.0.0.1:{port}/health", f"{workers.service}_{port}.log"
            )
    if CLIENT in site.components:
        _register(site)


def down(site: Site) -> None:
    """Stops supervisord and all its processes, and waits until they have ended."""
    pid = _running_pid(site)
    if pid is None:
        return
    _control(site, "shutdown")
    if not _eventually(lambda: not _exists(pid), site.settings.AGENT_STOP_SECONDS + START_SECONDS):
        raise SiteError(f"supervisord (process {pid}) does not end; its log: {site.root / STATE / 'supervisord.log'}")


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
        raise SiteError("the site's packages need a virtual environment: start the site with `make up`")
    print("installing Prefect and the flows' packages into .venv (about a minute)", flush=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    requirements = [argument for lock in LOCKS for argument in ("--requirement", str(REPO / lock))]
    if subprocess.run([*install, *requirements], env=environment(), check=False).returncode != 0:
        raise SiteError(
            "pip could not install the packages; its message is above; correct the cause and run `make up` again"
        )
    stamp.write_text(wanted, encoding="utf-8")


def _start(site: Site) -> None:
    print("starting the processes", flush=True)
    command = [_tool("supervisord"), "--configuration", str(site.root / CONFIG)]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SiteError(f"supervisord did not start: {' '.join((result.stderr or result.stdout).split())}")


def _control(site: Site, *action: str) -> subprocess.CompletedProcess[str]:
    """supervisorctl; a status of `update` other than 0 means that no supervisord answers."""
    command = [_tool("supervisorctl"), "--configuration", str(site.root / CONFIG), *action]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if "refused connection" in result.stdout or "no such file" in result.stdout:
        return subprocess.CompletedProcess(command, 1, result.stdout, result.stderr)
    return result


def _register(site: Site) -> None:
    """Runs the registrar and the samples, as the client container would."""
    samples = [sample for component, sample in site.samples.items() if component in COMPONENTS]
    env = environment() | {
        "PREFECT_API_URL": _api_url(site),
        "PREFECT_UI_URL": browser_url(site.settings),
        "PREFECT_HOME": str(site.root / STATE / "home"),
        "SITE_HOME": str(site.root / STATE / "storage"),
        "SECRETS_DIR": str(site.root / CLIENT.folder / SECRET_FOLDER),
        "PYTHONPATH": str(REPO / "client"),
        "SITE_NO_PROXY": no_proxy(site.settings),
        SAMPLES: " ".join(samples),
    }
    wrapper = str(REPO / "images" / "prefect" / "with-secrets")
    arguments = ("registration.yaml", "--wait", str(site.settings.CLIENT_WAIT_SECONDS))
    command = ["sh", wrapper, sys.executable, "-m", "registrar", *arguments]
    if subprocess.run(command, cwd=site.root / "client", env=env, check=False).returncode != 0:
        raise SiteError(f"client: registration or a sample run failed; the logs are in {site.root / STATE}")


def environment() -> dict[str, str]:
    """This environment without the user's own settings of Prefect and Python, and with the site's programs first in
    PATH."""
    apart = ("PREFECT_", "PYTHON", "VIRTUAL_ENV")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(apart)}
    return inherited | {"PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def _tool(name: str) -> str:
    return str(Path(sys.prefix) / "bin" / name)


def _api_url(site: Site) -> str:
    return process_api_url(site.settings)


def _wait(site: Site, what: str, url: str, log: str) -> None:
    """Waits for an answer, and says so meanwhile; `log` is that of the process which should answer."""
    progress = Progress()

    def answers() -> bool:
        progress.say(what)
        return _answers(url)

    if not _eventually(answers, START_SECONDS):
        last_words = "\n".join(_end(site.root / STATE / log))
        fault = f"{what} did not answer within {START_SECONDS} s; the logs are in {site.root / STATE}"
        raise SiteError(*filter(None, (last_words, fault)))
    print(f"{what} answers", flush=True)


def _end(log: Path) -> list[str]:
    if not log.exists():
        return []
    return [f"{log.name}  | {line}" for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]]


def _eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Waits for a condition, for at most so many seconds; whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _answers(url: str) -> bool:
    answer = http.get(url)
    return answer is not None and answer.worked


def _running_pid(site: Site) -> int | None:
    """Asks supervisord itself: a killed one leaves its pid file behind."""
    answer = _control(site, "pid")
    return int(answer.stdout) if answer.returncode == 0 and answer.stdout.strip().isdigit() else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
