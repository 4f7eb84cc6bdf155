"""`launch`: what a container costs that a flow launches beside its own, from the call to the end of `true` in it.

docker run  `docker run --rm` of the same image, by the engine's own command beside it
ours        the code of `Docker flow/launch_docker`, in a container like that flow's, with its proxy and its mounts
captured    what flows commonly do: `docker run` as a process of the flow, its output in the log when it is over; in
            the same container, with the engine's own socket
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.jobs import brought_up, labels
from tests.bench.kinds import KINDS, Kind, image, words
from tests.bench.measuring import Reach, interleaved, report
from tests.e2e import running
from tests.sites import SiteUnderTest

ROUNDS = 15
INSIDE = Path(__file__).with_name("launching_inside.py")
SOCKET = "/var/run/docker.sock"


def launch(rounds: int, kinds: list[str]) -> None:
    launching = [name for name in kinds if KINDS[name].launcher]
    with brought_up(launching) as made:
        for name in launching:
            measure(made, name, rounds)


def measure(made: SiteUnderTest, name: str, rounds: int) -> None:
    target, engine = image("prefect"), words(KINDS[name].engine, made)
    with inside(made, KINDS[name]) as ask:
        measured = {
            "docker run": partial(timed, [*engine, "run", "--rm", *labels(made), target, "true"]),
            "ours": partial(ask, "launched", target),
            "captured": partial(ask, "captured", target),
        }
        seconds = interleaved(measured, rounds or ROUNDS)
    reaches = {"docker run": KINDS[name].reach_launch, "captured": Reach()}
    report(f"{name}: a launched container", seconds, reaches)


def timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


@contextmanager
def inside(made: SiteUnderTest, kind: Kind) -> Iterator[Callable[[str, str], float]]:
    """Measures in a container that is like one of the launcher's runs, with Docker's command line added."""
    with running.api(made) as client:
        job = client.get(f"/deployments/name/{kind.launcher}").raise_for_status().json()["job_variables"]
    engine = words(kind.engine, made)
    if engine != ["docker"]:
        give(engine, image("worker-docker"), image("prefect"))
    started = subprocess.Popen(
        [
            *engine,
            "run",
            "--rm",
            "--interactive",
            *labels(made),
            "--label=site.managed=worker",
            *user(engine, kind, made),
        ]
        + [f"--env={name}={value}" for name, value in job["env"].items()]
        + [f"--volume={volume}" for volume in [*job["volumes"], f"{kind.socket}:{SOCKET}"]]
        + [image("worker-docker"), "python", "-u", "-c", INSIDE.read_text()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield partial(answer, started)
    finally:
        started.communicate()


def user(engine: list[str], kind: Kind, made: SiteUnderTest) -> list[str]:
    """The options by which a container is a run's user, who may also ask the engine's own socket."""
    asked = ["run", "--rm", *labels(made), f"--volume={kind.socket}:{SOCKET}", image("worker-docker")]
    look = [*engine, *asked, "stat", "--format=%g", SOCKET]
    group = subprocess.run(look, check=True, capture_output=True, text=True).stdout.strip()
    return ["--user=1000:1000", f"--group-add={group}"]


def give(engine: list[str], *images: str) -> None:
    """Loads images of this machine's engine into another one."""
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
        subprocess.run([*engine, "load", "--quiet"], stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True)


def answer(started: "subprocess.Popen[str]", *question: Any) -> float:
    assert started.stdin and started.stdout
    started.stdin.write(json.dumps(question) + "\n")
    started.stdin.flush()
    line = started.stdout.readline()
    if not line:
        raise SystemExit("the container in which launches are measured has ended; its output is above")
    return float(line)
