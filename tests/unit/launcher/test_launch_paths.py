"""Paths of the flow become paths of the engine's machine by the flow's own mounts, and by nothing else."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from launchers.containers.paths import HostPath, Mount, covers, own_path, translate, volume_path
from launchers.launching.errors import LaunchError

NAMES = st.sampled_from(["a", "b", "ab", "data", "data1", "..x", " ", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
BELOW = st.lists(NAMES, max_size=3).map("/".join)
SITE = [Mount("/srv/site", "/opt/als"), Mount("/srv/site/work", "/var/work"), Mount("/ro", "/etc", writable=False)]


@st.composite
def mount_lists(draw: st.DrawFn) -> list[Mount]:
    targets = draw(st.lists(PATHS, unique=True, max_size=6))
    return [Mount(target, draw(PATHS | st.just("")), draw(st.booleans())) for target in targets]


@given(mount_lists(), PATHS, PATHS, BELOW, st.booleans())
def test_what_lies_in_the_deepest_mount_lies_at_the_same_place_in_its_source(
    mounts: list[Mount], target: str, source: str, below: str, writable: bool
) -> None:
    path = posixpath.normpath(f"{target}/{below}")
    shallower = [mount for mount in mounts if not (covers(target, mount.target) and covers(mount.target, path))]
    expected = HostPath(posixpath.normpath(f"{source}/{below}"), writable)
    assert translate(path, [*shallower, Mount(target, source, writable)]) == expected


@given(mount_lists(), PATHS)
def test_a_translated_path_lies_in_the_source_of_a_mount_that_covers_it(mounts: list[Mount], path: str) -> None:
    host = translate(path, mounts)
    covering = [mount for mount in mounts if covers(mount.target, path)]
    if host is None:
        assert not covering or "" in [mount.source for mount in covering]
    else:
        deepest = max(covering, key=lambda mount: len(mount.target))
        assert covers(deepest.source, host.path)
        assert host.writable is deepest.writable


@given(mount_lists(), PATHS)
def test_the_order_of_the_mounts_does_not_matter(mounts: list[Mount], path: str) -> None:
    assert translate(path, mounts) == translate(path, mounts[::-1])


def test_a_name_that_only_begins_like_a_mount_is_not_covered() -> None:
    assert translate("/srv/sitemap", SITE) is None
    assert translate("/srv", SITE) is None


def test_a_mount_at_the_root_covers_everything() -> None:
    assert translate("/a/b", [Mount("/", "/host")]) == HostPath("/host/a/b")
    assert translate("/a/b", [Mount("/", "/")]) == HostPath("/a/b")


def test_memory_hides_the_mount_above_it() -> None:
    assert translate("/srv/site/tmp/x", [*SITE, Mount("/srv/site/tmp", "")]) is None


def test_a_plain_process_has_the_paths_of_its_machine() -> None:
    assert own_path("/home/me/work/params.yaml", None) == HostPath("/home/me/work/params.yaml")


def test_a_path_of_its_own_that_no_mount_covers_is_told_with_the_mounts() -> None:
    with pytest.raises(LaunchError) as refused:
        own_path("/tmp/x", [*SITE, Mount("/tmp", "")])
    assert str(refused.value) == (
        "/tmp/x is not on a mount of this container (/ro from /etc, /srv/site from /opt/als, "
        "/srv/site/work from /var/work, /tmp from memory): mount /tmp/x or a directory above it into this container"
    )


def test_a_volume_is_a_path_of_the_flow_before_it_is_one_of_the_host() -> None:
    assert volume_path("/srv/site/data", SITE, ["/srv"]) == HostPath("/opt/als/data")
    assert volume_path("/srv/other", SITE, ["/srv"]) == HostPath("/srv/other", visible=False)


def test_what_the_flow_may_only_read_it_cannot_hand_out_to_be_written() -> None:
    assert volume_path("/ro/x", SITE, []) == HostPath("/etc/x", writable=False)


def test_a_plain_process_may_mount_only_what_is_allowed() -> None:
    assert volume_path("/data/x", None, ["/data"]) == HostPath("/data/x")
    with pytest.raises(LaunchError) as refused:
        volume_path("/database", None, ["/data", "/scratch"])
    assert str(refused.value) == (
        "volume source /database is not below an allowed host path (/data, /scratch): add it to SITE_HOST_PATHS"
    )


def test_a_volume_that_is_neither_mounted_nor_allowed_is_told_with_both() -> None:
    with pytest.raises(LaunchError) as refused:
        volume_path("/etc", [Mount("/srv/site", "/opt/als")], [])
    assert str(refused.value) == (
        "volume source /etc is not on a mount of this container (/srv/site from /opt/als) and not below an "
        "allowed host "
        "path (none is set): mount /etc or a directory above it into this container, or add it to SITE_HOST_PATHS"
    )


def test_a_path_in_a_volume_keeps_the_volume_and_the_path_inside() -> None:
    mounts = [Mount("/srv/site/work", "/d/als-work/_data", volume="als-work")]
    inside = HostPath("/d/als-work/_data/a/p.yaml", volume="als-work", below="a/p.yaml")
    assert own_path("/srv/site/work/a/p.yaml", mounts) == inside
    assert own_path("/srv/site/work", mounts).below == "."
