"""Host paths on a real file system: what the engine would follow out of the allowed path is found."""

import os
import socket
from pathlib import Path

import pytest
from socket_proxy import host_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run" / "in").mkdir(parents=True)
    (tmp_path / "run" / "params.yaml").write_text("k: 2\n")
    return tmp_path


@pytest.mark.parametrize("below", ["", "run", "run/in", "run/params.yaml", "run/made/by/the/engine"])
def test_real_directories_and_files_are_sound(root: Path, below: str) -> None:
    assert host_path.fault(str(root / below), str(root)) == ""


@pytest.mark.parametrize("target", ["/", "/nowhere/on/this/machine", "run/in", "."])
@pytest.mark.parametrize("below", ["", "/etc", "/made/later"])
def test_symbolic_link_is_a_fault_wherever_it_leads(root: Path, target: str, below: str) -> None:
    (root / "link").symlink_to(target)
    assert host_path.fault(f"{root}/link{below}", str(root)) == f"{root}/link is a symbolic link"


def test_link_deep_in_the_path_is_found(root: Path) -> None:
    (root / "run" / "in" / "link").symlink_to("/")
    assert host_path.fault(f"{root}/run/in/link/etc", str(root)) == f"{root}/run/in/link is a symbolic link"


def test_path_through_a_file_is_a_fault(root: Path) -> None:
    path = f"{root}/run/params.yaml/x"
    assert host_path.fault(path, str(root)) == f"{path} cannot be looked at (Not a directory)"


def test_socket_and_pipe_are_faults(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{root}/engine.sock")
    for name in ("pipe", "engine.sock"):
        assert host_path.fault(f"{root}/{name}", str(root)) == f"{root}/{name} is neither a directory nor a file"


@pytest.mark.parametrize(
    ("text", "path"),
    [("/data", "/data"), ("/data/", "/data"), ("//data//in/.", "/data/in"), ("/", "/"), ("/a b/ü", "/a b/ü")],
)
def test_normal_form(text: str, path: str) -> None:
    assert host_path.normal(text) == path


@pytest.mark.parametrize("text", ["", "work", "./data", "/data/..", "/../etc", "/data\n", "/data\0", "/\ud800"])
def test_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="is no absolute path without"):
        host_path.normal(text)


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
    assert host_path.clash(path, forbidden) is clashes
