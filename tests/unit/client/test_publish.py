"""Flow code is copied file by file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from registrar import publish
from registrar.errors import RegistrarError
from registrar.moved import MOVED
from registrar.registration import Publish


@pytest.fixture
def folders(tmp_path: Path) -> Publish:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "a.py").write_text("a = 1\n")
    (source / "inner" / "b.py").write_text("b = 2\n")
    return Publish(source=str(source), target=str(tmp_path / "site" / "flows"))


def tree(folder: str) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in Path(folder).rglob("*") if path.is_file()}


def test_everything_is_copied(folders: Publish) -> None:
    assert publish.apply(folders).state == "changed: 2 written"
    assert tree(folders.target) == {"a.py": "a = 1\n", "inner/b.py": "b = 2\n"}


def test_what_is_the_same_is_left_alone(folders: Publish) -> None:
    publish.apply(folders)
    before = {path: path.stat().st_mtime_ns for path in Path(folders.target).rglob("*")}
    assert publish.apply(folders).state == "left"
    assert {path: path.stat().st_mtime_ns for path in Path(folders.target).rglob("*")} == before


def test_only_what_changed_is_written(folders: Publish) -> None:
    publish.apply(folders)
    untouched = (Path(folders.target) / "inner" / "b.py").stat().st_ino
    Path(folders.source, "a.py").write_text("a = 3\n")
    assert publish.apply(folders).state == "changed: 1 written"
    assert tree(folders.target)["a.py"] == "a = 3\n"
    assert (Path(folders.target) / "inner" / "b.py").stat().st_ino == untouched


def test_a_reader_of_the_old_file_keeps_it_whole(folders: Publish) -> None:
    publish.apply(folders)
    with Path(folders.target, "a.py").open() as reader:
        Path(folders.source, "a.py").write_text("a = 3\n")
        publish.apply(folders)
        assert reader.read() == "a = 1\n"


def test_what_is_gone_is_removed_with_its_empty_folder(folders: Publish) -> None:
    publish.apply(folders)
    Path(folders.source, "inner", "b.py").unlink()
    Path(folders.source, "inner").rmdir()
    cache = Path(folders.target, "inner", "__pycache__")
    cache.mkdir()
    (cache / "b.cpython-311.pyc").write_text("")
    assert publish.apply(folders).state == "changed: 1 removed"
    assert not Path(folders.target, "inner").exists()


def test_what_python_cached_is_neither_copied_nor_removed(folders: Publish) -> None:
    publish.apply(folders)
    for folder in (folders.source, folders.target):
        Path(folder, "__pycache__").mkdir()
        Path(folder, "__pycache__", f"{Path(folder).name}.pyc").write_text("")
    assert publish.apply(folders).state == "left"
    assert [path.name for path in Path(folders.target, "__pycache__").iterdir()] == ["flows.pyc"]


def test_a_file_may_become_a_folder_and_back(folders: Publish) -> None:
    publish.apply(folders)
    source = Path(folders.source)
    (source / "a.py").unlink()
    (source / "a.py").mkdir()
    (source / "a.py" / "c.py").write_text("c = 3\n")
    (source / "inner" / "b.py").unlink()
    (source / "inner").rmdir()
    (source / "inner").write_text("")
    publish.apply(folders)
    assert tree(folders.target) == {"a.py/c.py": "c = 3\n", "inner": ""}


def test_half_of_a_write_that_was_cut_off_is_cleared_away(folders: Publish) -> None:
    publish.apply(folders)
    Path(folders.target, ".a.py.4711").write_text("a =")
    publish.apply(folders)
    assert set(tree(folders.target)) == {"a.py", "inner/b.py"}


def test_a_missing_source_is_named() -> None:
    assert list(publish.check(Publish(source="flow", target="/srv/site/flows"))) == [
        "publish.source: flow: no such folder"
    ]


@pytest.mark.parametrize("target", ["source", "source/inner/x", "."])
def test_a_target_in_or_around_the_source_is_refused(folders: Publish, tmp_path: Path, target: str) -> None:
    wrong = Publish(source=folders.source, target=str(tmp_path / target))
    assert list(publish.check(wrong)) == [
        f"publish.target: {wrong.target}: is inside the source or around it; name a separate folder"
    ]


def test_a_target_that_cannot_be_written_is_named(folders: Publish, tmp_path: Path) -> None:
    (tmp_path / "site").write_text("")
    with pytest.raises(RegistrarError) as raised:
        publish.apply(folders)
    assert raised.value.lines == (
        f"publish: {folders.target}: Not a directory; the registrar's user must own {folders.target}",
    )


def test_a_source_that_cannot_be_read_is_named(folders: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed over, it would count as empty, and the flows that it held would be removed from the site."""
    publish.apply(folders)
    kept = sorted(Path(folders.target).rglob("*"))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path(folders.source))
    with pytest.raises(RegistrarError) as raised:
        publish.apply(folders)
    assert raised.value.lines == (
        f"publish: {folders.source}: Permission denied; all users must be able to read it: `python render.py`, or "
        "`chmod a+rX` it",
    )
    assert sorted(Path(folders.target).rglob("*")) == kept


def test_it_is_a_command_of_its_own(folders: Publish) -> None:
    """The `flows` service of every worker folder calls it: a machine without the registrar has its flow code by it."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "registrar.publish", folders.source, folders.target]
    for state in ("changed: 2 written", "left"):
        done = subprocess.run(command, cwd=root / "client", capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{folders.target}: {state}\n", "")
    assert tree(folders.target) == {"a.py": "a = 1\n", "inner/b.py": "b = 2\n"}


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main([str(tmp_path / "none"), str(tmp_path / "target")]) == 1
    assert capsys.readouterr().err == f"publish.source: {tmp_path / 'none'}: no such folder\n"
    assert publish.main([]) == 2
    assert capsys.readouterr().err == "usage: python -m registrar.publish SOURCE TARGET [BESIDE ...]\n"


@pytest.fixture
def site(tmp_path: Path) -> Publish:
    """A user's flows and the launchers of this repo; as in the images, the second target is a link into the first."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "mine.py").write_text("mine = 1\n")
    (tmp_path / "launchers").symlink_to(Path(__file__).parents[3] / "client" / "launchers")
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "launchers").symlink_to("flows/.launchers")
    return Publish(source=str(tmp_path / "flows"), beside=["launchers"], target=str(tmp_path / "srv" / "flows"))


def test_what_is_beside_the_source_is_published_beside_the_target(site: Publish) -> None:
    publish.apply(site)
    target = Path(site.target)
    assert (target / "mine.py").read_text() == "mine = 1\n"
    assert (target.parent / "launchers" / "parent" / "parent_flow.py").is_file()
    assert (target / ".launchers" / "parent" / "parent_flow.py").is_file()
    assert publish.apply(site).state == "left"


def test_the_folders_of_before_the_move_go_and_their_entry_points_stay(site: Publish) -> None:
    old = Path(site.target, "parent")
    old.mkdir(parents=True)
    (old / "parent_flow.py").write_text("old\n")
    (old / "conduct.py").write_text("old\n")
    publish.apply(site)
    assert {str(path.relative_to(site.target)) for path in Path(site.target).rglob("*.py")} >= set(OLD)
    assert not (old / "conduct.py").exists()


OLD = {path.removeprefix("flows/") for path in MOVED}


@pytest.mark.parametrize("path", sorted(MOVED))
def test_a_redirect_gives_the_flow_that_has_moved(site: Publish, path: str) -> None:
    publish.apply(site)
    srv = Path(site.target).parent
    code = f"import runpy; print(*runpy.run_path({path!r}))"
    env = {"PYTHONPATH": str(srv), "PREFECT_HOME": str(srv / "home")}
    done = subprocess.run([sys.executable, "-c", code], cwd=srv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"launch_conda", "launch_docker", "launch_parent_flow", "launch_slurm"} & set(done.stdout.split())


def test_a_file_of_the_users_at_an_old_place_is_left_there(site: Publish) -> None:
    own = Path(site.source, "parent", "parent_flow.py")
    own.parent.mkdir()
    own.write_text("mine = 2\n")
    publish.apply(site)
    assert Path(site.target, "parent", "parent_flow.py").read_text() == "mine = 2\n"


def test_a_missing_folder_beside_the_source_is_named(site: Publish) -> None:
    lacking = site.model_copy(update={"beside": ["launcher"]})
    assert list(publish.check(lacking)) == [f"publish.beside: {Path(site.source).parent / 'launcher'}: no such folder"]
