"""A process finds its container by what the kernel shows it, and never takes another's."""

from typing import Any

import pytest
from launchers.containers import own_container
from launchers.containers.engine import Engine
from launchers.containers.errors import EngineError
from launchers.containers.own_container import container_ids, mounts_of, own_mounts
from launchers.containers.paths import Mount
from launchers.launching.errors import LaunchError

MINE, OTHER = "a1" * 32, "b2" * 32

DOCKER_V1 = f"12:memory:/docker/{MINE}\n1:name=systemd:/docker/{MINE}\n0::/docker/{MINE}\n"
DOCKER_SYSTEMD = f"0::/system.slice/docker-{MINE}.scope\n"
PODMAN = f"0::/machine.slice/libpod-{MINE}.scope/container\n"
PRIVATE_NAMESPACE = "0::/\n"

DOCKER_MOUNTS = f"""\
719 615 0:63 / / rw,relatime - overlay overlay rw,upperdir=/var/lib/docker/overlay2/{OTHER}/diff
730 719 254:0 /var/lib/docker/containers/{MINE}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw
731 719 254:0 /var/lib/docker/containers/{MINE}/hostname /etc/hostname rw - ext4 /dev/vda rw
"""
DOCKER_OWN_DISK = f"731 719 254:1 /containers/{MINE}/hostname /etc/hostname rw - ext4 /dev/vdb rw\n"
PODMAN_MOUNTS = (
    f"9 8 0:25 /containers/storage/overlay-containers/{MINE}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n"
)
ROOTLESS_PODMAN_MOUNTS = (
    f"9 8 0:25 /1000/containers/overlay-containers/{MINE}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw\n"
)
HOST_MOUNTS = f"""\
25 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 25 0:40 / /var/lib/docker/overlay2/{OTHER}/merged rw - overlay overlay rw
91 25 0:41 / /var/lib/docker/containers/{OTHER}/mounts/shm rw - tmpfs shm rw
"""


@pytest.mark.parametrize("cgroup", [DOCKER_V1, DOCKER_SYSTEMD, PODMAN])
def test_the_cgroup_names_the_container(cgroup: str) -> None:
    assert container_ids(cgroup, "") == [MINE]


@pytest.mark.parametrize("mountinfo", [DOCKER_MOUNTS, DOCKER_OWN_DISK, PODMAN_MOUNTS, ROOTLESS_PODMAN_MOUNTS])
def test_in_a_private_cgroup_namespace_the_mounts_do(mountinfo: str) -> None:
    assert container_ids(PRIVATE_NAMESPACE, mountinfo) == [MINE]


def test_a_process_on_the_host_is_in_no_container_though_it_sees_theirs() -> None:
    assert container_ids("0::/user.slice/session-1.scope\n", HOST_MOUNTS) == []


def test_the_cgroup_is_surer_than_the_host_name_of_a_shared_network() -> None:
    assert container_ids(f"0::/docker/{OTHER}\n", DOCKER_MOUNTS) == [OTHER, MINE]


def test_mounts_of_every_kind_are_read() -> None:
    described: dict[str, Any] = {
        "Mounts": [
            {"Type": "bind", "Source": "/opt/als", "Destination": "/srv/site/", "RW": True},
            {
                "Type": "volume",
                "Name": "v",
                "Source": "/var/lib/docker/volumes/v/_data",
                "Destination": "/v",
                "RW": False,
            },
            {"Type": "tmpfs", "Source": "", "Destination": "/t1", "RW": True},
        ],
        "HostConfig": {"Tmpfs": {"/t2": "size=1m"}},
    }
    assert mounts_of(described) == [
        Mount("/srv/site", "/opt/als"),
        Mount("/v", "/var/lib/docker/volumes/v/_data", writable=False),
        Mount("/t1", ""),
        Mount("/t2", ""),
    ]
    assert mounts_of({"Mounts": [], "HostConfig": {"Tmpfs": None}}) == []


def test_a_volume_is_mounted_by_name_where_the_engine_can() -> None:
    volume = {"Type": "volume", "Name": "als-work", "Source": "/d/als-work/_data", "Destination": "/srv/site/work"}
    folder = {"Type": "bind", "Source": "/data", "Destination": "/data"}
    container = {"Mounts": [volume, folder], "HostConfig": {}}
    assert mounts_of(container, by_name=True) == [
        Mount("/srv/site/work", "/d/als-work/_data", volume="als-work"),
        Mount("/data", "/data"),
    ]
    assert mounts_of(container)[0] == Mount("/srv/site/work", "/d/als-work/_data")


class BehindTheProxy(Engine):
    """An engine that does not know this container, behind a proxy that does not pass on GET /info."""

    def inspect(self, container: str) -> dict[str, Any]:
        raise EngineError(404, f"No such container: {container}")

    def info(self) -> dict[str, Any]:
        raise EngineError(403, "the engine's proxy refused GET /info")


def test_behind_the_proxy_too_a_container_of_another_engine_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_container, "_read", lambda path: DOCKER_V1 if path == "/proc/self/cgroup" else "")
    with BehindTheProxy("unix:///run/proxy.sock") as engine, pytest.raises(LaunchError) as told:
        own_mounts(engine)
    assert str(told.value) == (
        f"the engine at unix:///run/proxy.sock does not know this container ({MINE[:12]}), so it sees other files: "
        "give the flow the socket of the engine that runs it"
    )
