"""Host paths on a real file system: links by which the engine would leave the allowed path are found."""

import os
import socket
from pathlib import Path

import pytest
from socket_proxy import mounts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run" / "in").mkdir(parents=True)
    (tmp_path / "run" / "params.yaml").write_text("k: 2\n")
    return tmp_path


@pytest.mark.parametrize("below", ["", "run", "run/in", "run/params.yaml", "run/made/by/the/engine"])
def test_real_directories_and_files_have_no_fault(root: Path, below: str) -> None:
    assert mounts.path_fault(str(root / below), str(root)) == ""


@pytest.mark.parametrize("target", ["/", "/nowhere/on/this/machine", "run/in", "."])
@pytest.mark.parametrize("below", ["", "/etc", "/made/later"])
def test_symbolic_link_is_a_fault_wherever_it_leads(root: Path, target: str, below: str) -> None:
    (root / "link").symlink_to(target)
    assert mounts.path_fault(f"{root}/link{below}", str(root)) == f"{root}/link is a symbolic link"


def test_link_deep_in_the_path_is_found(root: Path) -> None:
    (root / "run" / "in" / "link").symlink_to("/")
    assert mounts.path_fault(f"{root}/run/in/link/etc", str(root)) == f"{root}/run/in/link is a symbolic link"


def test_path_through_a_file_is_a_fault(root: Path) -> None:
    path = f"{root}/run/params.yaml/x"
    assert mounts.path_fault(path, str(root)) == f"the proxy cannot check {path} (Not a directory)"


def test_socket_and_pipe_are_faults(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{root}/engine.sock")
    for name in ("pipe", "engine.sock"):
        assert mounts.path_fault(f"{root}/{name}", str(root)) == f"{root}/{name} is neither a directory nor a file"


@pytest.mark.parametrize(
    ("text", "path"),
    [("/data", "/data"), ("/data/", "/data"), ("//data//in/.", "/data/in"), ("/", "/"), ("/a b/ü", "/a b/ü")],
)
def test_normal_form(text: str, path: str) -> None:
    assert mounts.normal_path(text) == path


@pytest.mark.parametrize("text", ["", "work", "./data", "/data/..", "/../etc", "/data\n", "/data\0", "/\ud800"])
def test_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="is not an absolute path without"):
        mounts.normal_path(text)


@pytest.mark.parametrize(
    ("path", "forbidden", "clashes"),
    [
        ("/var", "/var/run", True),
        ("/var/run/x", "/var/run", True),
        ("/var/runs", "/var/run", False),
        ("/", "/etc", True),
    ],
)
def test_clash(path: str, forbidden: str, clashes: bool) -> None:
    assert mounts.overlaps(path, forbidden) is clashes
