"""Only its container can read the parameters file, and only while it runs."""

import stat
from pathlib import Path

import pytest
import yaml
from launchers.launching.errors import LaunchError
from launchers.launching.params_file import params_directories, params_file, remove_params_files
from launchers.launching.run_identity import RunIdentity

RUN = RunIdentity("0b6f3f0c-90c4-4f3a-8d0e-0123456789ab", 2)
OTHER = RunIdentity("1b6f3f0c-90c4-4f3a-8d0e-0123456789ab", 1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_directory_keeps_the_file_from_others(tmp_path: Path) -> None:
    with params_file(str(tmp_path), RUN, {"a": 1}) as path:
        assert mode(Path(path).parent) == 0o700
        assert mode(Path(path)) == 0o644


def test_the_content_is_yaml_in_the_order_given(tmp_path: Path) -> None:
    content = {"z": "é\n# no comment", "io_parameters": {"uid_save": "1"}, "a": [None, 1.5, True]}
    with params_file(str(tmp_path), RUN, content) as path:
        text = Path(path).read_text(encoding="utf-8")
    assert yaml.safe_load(text) == content
    assert text.startswith("z:")


def test_nothing_is_left_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), params_file(str(tmp_path), RUN, {}):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_work_directory_is_made_where_it_is_not(tmp_path: Path) -> None:
    with params_file(str(tmp_path / "new" / "work"), RUN, {}) as path:
        assert Path(path).is_file()


def test_a_work_directory_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "work").touch()
    with pytest.raises(LaunchError) as refused, params_file(str(tmp_path / "work"), RUN, {}):
        pass
    assert str(refused.value) == (
        f"the parameters file {tmp_path}/work/{RUN.name}/params.yaml cannot be written (Not a directory): "
        "make the work directory (SITE_WORK_DIR) writable for this user"
    )


def test_only_what_launches_made_is_found_and_removed(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for run in (RUN, RunIdentity(RUN.flow_run_id, 1), OTHER):
        (tmp_path / run.name).mkdir()
    assert [run for _, run in params_directories(str(tmp_path))] == [RunIdentity(RUN.flow_run_id, 1), RUN, OTHER]
    remove_params_files(str(tmp_path), RUN.flow_run_id)
    assert sorted(path.name for path in tmp_path.iterdir()) == [OTHER.name, "results"]
    assert params_directories(str(tmp_path / "nowhere")) == []
