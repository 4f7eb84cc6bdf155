"""A launched container's life: made, watched until it ends, and removed whatever happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from signal import Signals
from types import MappingProxyType
from typing import Any

from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.output import records
from launchers.containers.paths import HostPath
from launchers.containers.schema import DockerParams
from launchers.launching.errors import LaunchError
from launchers.launching.lines import Record
from launchers.launching.output_log import Log, last_lines
from launchers.launching.run_identity import FLOW_RUN_LABEL, LAUNCHED, ROLE_LABEL, SITE_LABEL

STOP_SECONDS = 5  # between SIGTERM and SIGKILL; a worker gives the flow itself 10 s


def container_spec(
    params: DockerParams,
    labels: Mapping[str, str],
    binds: Sequence[tuple[HostPath, str]],
    network: str = "",
    limits: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The body of the engine's create call. `binds` are pairs of a host path and the path inside the container;
    `network` is the one of a container whose parameters name none; `limits` are those of the site, for what they leave
    open."""
    joined = params.network or network
    return {
        "Image": params.image,
        "Cmd": params.arguments,
        "Env": [f"{name}={value}" for name, value in (_unproxied(os.environ) | params.env_vars).items()],
        "Labels": dict(labels),
        "HostConfig": {
            "Mounts": [_bind(host, target) for host, target in binds],
            **({"NetworkMode": joined} if joined else {}),
            **limits,
            **_limits(params),
        },
    }


def _unproxied(environ: Mapping[str, str]) -> dict[str, str]:
    """What no proxy is asked for here: neither in the launched container, which is beside the same services."""
    return {name: environ[name] for name in ("NO_PROXY", "no_proxy") if environ.get(name)}


def run_container(engine: Engine, name: str, timeout: float | None, sink: Callable[[Record], None]) -> dict[str, Any]:
    """Starts a created container and hands its output to `sink` as it comes, until it has ended.

    Returns the engine's `State` of it. Raises LaunchError where `timeout` seconds have passed before its end.
    """
    with ExitStack() as until_its_end:
        with engine.attach(name) as chunks:
            engine.start(name)
            # Not sooner: stopping what has not started ends nothing, and is not done again.
            passed = until_its_end.enter_context(_deadline(engine, name, timeout))
            for record in records(chunks):
                sink(record)
        engine.wait(name)
    if passed.is_set():
        raise LaunchError(f"container {name} ran longer than its timeout of {timeout:g} s and was stopped")
    state: dict[str, Any] = engine.inspect(name)["State"]
    return state


@contextmanager
def removed_at_the_end(engine: Engine, name: str, log: Log) -> Iterator[None]:
    """Removes the container at the end of the `with` block, however that ends: by an error, a signal or well.

    A block that is broken off ends the container with SIGTERM first, so that it may save what it has.
    """
    try:
        yield
    except BaseException:
        _despite_the_engine(log, engine.stop, name, STOP_SECONDS)
        raise
    finally:
        _despite_the_engine(log, engine.remove, name)


def failure(name: str, params: DockerParams, state: Mapping[str, Any], last: Sequence[str]) -> LaunchError | None:
    """What an ended container's `State` and its last lines of output tell; None where it succeeded."""
    if int(state["ExitCode"]) == 0:
        return None
    return LaunchError(f"container {name} of {params.image} {_ending(params, state)}{last_lines(last)}")


def remove_launched(engine: Engine, site: str, flow_run_id: str) -> None:
    """Removes every container that this flow run launched on this engine; not the one it may run in itself."""
    labels = {SITE_LABEL: site, ROLE_LABEL: LAUNCHED, FLOW_RUN_LABEL: flow_run_id}
    for container in engine.find(labels):
        engine.remove(container["Id"])


@contextmanager
def _deadline(engine: Engine, name: str, seconds: float | None) -> Iterator[threading.Event]:
    """Stops the container when the time is up, which ends its output; the event tells that it was so."""
    passed = threading.Event()

    def end() -> None:
        passed.set()
        with suppress(EngineError):  # an engine that is away has broken off the output too
            engine.stop(name, STOP_SECONDS)

    timer = threading.Timer(seconds or 0, end)
    if seconds is not None:
        timer.start()
    try:
        yield passed
    finally:
        timer.cancel()


def _despite_the_engine(log: Log, call: Callable[..., None], *arguments: object) -> None:
    """Cleaning up must not hide how the run ended; what stays behind is the reaper's."""
    try:
        call(*arguments)
    except EngineError as error:
        log.warning("Clean-up is left to the reaper: %s", error)


def _bind(host: HostPath, target: str) -> dict[str, Any]:
    """As a mount and not as `source:target`: a source that is missing is an error, and not made as an empty
    directory that belongs to root."""
    mount = {"Target": target, "ReadOnly": not host.writable}
    if not host.volume:
        return mount | {"Type": "bind", "Source": host.path}
    part = {"VolumeOptions": {"Subpath": host.below}} if host.below != "." else {}
    return mount | {"Type": "volume", "Source": host.volume} | part


def _limits(params: DockerParams) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if params.memory:
        limits["Memory"] = limits["MemorySwap"] = params.memory.bytes
    if params.cpus is not None:
        limits["NanoCpus"] = round(params.cpus * 1e9)
    if params.shm_size:
        limits["ShmSize"] = params.shm_size.bytes
    if params.gpus:
        limits["DeviceRequests"] = [{"Capabilities": [["gpu"]], **_gpu_choice(params.gpus)}]
    return limits


def _gpu_choice(gpus: str) -> dict[str, Any]:
    if gpus == "all":
        return {"Count": -1}
    return {"Count": int(gpus)} if gpus.isdecimal() else {"DeviceIDs": gpus.split(",")}


def _ending(params: DockerParams, state: Mapping[str, Any]) -> str:
    code = int(state["ExitCode"])
    if state.get("OOMKilled"):
        return f"was killed for lack of memory (OOM; memory limit {params.memory or 'of the site'}): raise memory"
    ending = f"ended with exit code {code}{_signal(code)}"
    if params.memory and code == 128 + Signals.SIGKILL:  # Podman 4 on cgroup v1 does not tell OOM
        return f"{ending}, for lack of memory (OOM; memory limit {params.memory}) unless it was killed: raise memory"
    return ending


def _signal(code: int) -> str:
    """128 and the number of a signal is how an engine tells the end by that signal."""
    try:
        return f" ({Signals(code - 128).name})"
    except ValueError:
        return ""
