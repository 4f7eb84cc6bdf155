#!/usr/bin/env python3
"""SeaweedFS as the S3 server of a site, reachable on one port.

SeaweedFS is several servers in one process, most of which ask for no login. The gRPC port of its S3 gateway listens
wherever the gateway does. So all of them listen on loopback, and this program passes connections on to the gateway.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

PORT, INNER_PORT, MASTER_PORT = 8333, 8334, 9333
# The data is in a folder of its own: what else is on the volume belongs to another server.
FOLDER = "seaweedfs"
NOT_DATA = {"lost+found"}
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
CHUNK = 1 << 18  # bytes
BUFFER_MIB = 64  # what each of its servers holds of requests under way
# Compose kills a container 30 s after it asked it to stop; SeaweedFS needs a few of them.
DRAIN_SECONDS, IDLE_SECONDS = 20.0, 1.0

FOREIGN = (
    "storage-server: the volume holds the data of another S3 server ({names}), and SeaweedFS cannot read it; "
    'storage/README.md, "Data of an earlier server", says how to take it along, or how to begin without it'
)


def foreign(data: Path) -> list[str]:
    """What on a volume belongs to another server, unless SeaweedFS has its folder there already."""
    if (data / FOLDER).is_dir():
        return []
    return sorted(path.name for path in data.iterdir() if path.name not in NOT_DATA)


def write_user(state: Path, environment: Mapping[str, str]) -> Path:
    """The file with the one user; only its owner may read it. Arguments would show the keys in a process list."""
    keys = {"accessKey": environment["STORAGE_ACCESS_KEY"], "secretKey": environment["STORAGE_SECRET_KEY"]}
    user = {"name": "site", "actions": ["Admin", "Read", "Write", "List", "Tagging"], "credentials": [keys]}
    file = state / "s3.json"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump({"identities": [user]}, opened)
    return file


def command(data: Path, user: Path) -> list[str]:
    return [
        *("weed", "-logtostderr", "server", f"-dir={data / FOLDER}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        f"-master.port={MASTER_PORT}",
        # It would report to its makers.
        "-master.telemetry=false",
        # As many files as the disk has room for. A bucket has its own, so on a small disk they must be small.
        *(f"-master.volumeSizeLimitMB={file_mib(data)}", "-volume.max=0", "-volume.preStopSeconds=1"),
        *("-filer", "-s3", f"-s3.port={INNER_PORT}", "-s3.ip.bind=127.0.0.1", f"-s3.config={user}"),
        # Other gateways are off, and a mistyped bucket is an error, as elsewhere.
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-s3.autoCreateBucket=false"),
        # Requests beyond these wait. Without them, fifty parts at once took more than a gigabyte.
        *(f"-{part}.concurrentUploadLimitMB={BUFFER_MIB}" for part in ("s3", "filer", "volume")),
        *(f"-volume.concurrentDownloadLimitMB={BUFFER_MIB}", f"-s3.readerCacheSizeMB={BUFFER_MIB}"),
    ]


def file_mib(data: Path) -> int:
    """The size of SeaweedFS's files: a hundredth of the disk, between 64 MiB and a gigabyte."""
    return max(64, min(1024, shutil.disk_usage(data).total // 100 >> 20))


def environment(given: Mapping[str, str], limits: tuple[str, ...] = LIMITS) -> dict[str, str]:
    """Without the site's secrets; with the container's memory as what Go keeps within."""
    kept = {name: value for name, value in given.items() if not name.startswith("STORAGE_")}
    memory = memory_limit(limits)
    # One data file per bucket at a time: seven, its default, need seven times the room on a small disk.
    return kept | {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"} | ({"GOMEMLIMIT": str(memory * 4 // 5)} if memory else {})


def memory_limit(files: tuple[str, ...] = LIMITS) -> int:
    """Bytes that this container may use; 0 without a limit."""
    for name in files:
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 1 << 50:
            return int(text)
    return 0


class Gate:
    """Accepts connections and passes them on to the gateway."""

    def __init__(self) -> None:
        self.moved: dict[object, float] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", INNER_PORT, limit=CHUNK)
        except OSError:
            writer.close()
            return
        key = object()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(key, reader, inner_writer))
                both.create_task(self._pass(key, inner_reader, writer))
        except* OSError:
            pass  # one of the two is gone: so is the connection
        finally:
            self.moved.pop(key, None)
            writer.close()
            inner_writer.close()

    async def _pass(self, key: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self.moved[key] = time.monotonic()
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def drain(self) -> None:
        """Waits until no connection moves anything: what is under way is finished first."""
        end = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < end and any(time.monotonic() - at < IDLE_SECONDS for at in self.moved.values()):
            await asyncio.sleep(0.1)


def answer(port: int, path: str) -> bytes:
    """What a part of SeaweedFS answers; empty if it does not yet."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return bytes(response.read()) or b"ok"
    except OSError:
        return b""


def ready() -> bool:
    """Whether the gateway answers, and the master knows where data can go."""
    status = answer(MASTER_PORT, "/dir/status") if answer(INNER_PORT, "/healthz") else b""
    return bool(status) and int(json.loads(status)["Topology"]["Max"]) > 0


async def until_ready(server: asyncio.subprocess.Process) -> None:
    while server.returncode is None and not await asyncio.to_thread(ready):
        await asyncio.sleep(0.2)


async def run(data: Path, state: Path) -> int:
    (data / FOLDER).mkdir(exist_ok=True)
    words = command(data, write_user(state, os.environ))
    # In a session of its own: a signal to all processes of the container would end it before its connections.
    server = await asyncio.create_subprocess_exec(
        *words, env=environment(os.environ), start_new_session=True, cwd=state
    )
    stop, gate = asyncio.Event(), Gate()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ended = asyncio.create_task(server.wait())
    stopped = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(until_ready(server))
    await asyncio.wait({ended, stopped, starting}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done() and not stopped.done():
        listener = await asyncio.start_server(gate.serve, "0.0.0.0", PORT, limit=CHUNK)
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        listener.close()
        await gate.drain()
    if ended.done():
        return server.returncode or 1
    server.terminate()
    await ended
    return 0


def fault(data: Path) -> str:
    """Why the server cannot use this volume; empty if it can."""
    if names := foreign(data):
        return FOREIGN.format(names=", ".join(names))
    if not os.access(data, os.W_OK):
        return f"storage-server: user {os.getuid()} may not write to {data}; make that user its owner"
    return ""


def main(data: Path = Path("/data"), state: Path = Path("/tmp")) -> int:  # noqa: S108
    if reason := fault(data):
        print(reason, file=sys.stderr)
        return 1
    return asyncio.run(run(data, state))


if __name__ == "__main__":
    sys.exit(main())
