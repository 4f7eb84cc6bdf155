"""Folders that a site is rendered into, and its .env beside them or elsewhere."""

from pathlib import Path

import pytest

from stack import cli
from tests.keys import private_key
from tests.sites import REPO
from tests.unit.tree import tree

Capture = pytest.CaptureFixture[str]


def test_env_beside_an_output_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    env = tmp_path / "als.env"
    env.write_text("SITE=als\nCOMPONENTS=server\n", encoding="utf-8")
    assert cli.main(["--env", str(env), "--output", str(tmp_path / "sites" / "als")]) == 0
    assert (tmp_path / "sites" / "als" / "server" / "compose.yaml").is_file()
    assert "SERVER_DATABASE_PASSWORD=" in env.read_text(encoding="utf-8")


def test_files_that_no_render_wrote_are_not_overwritten(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server/compose.yaml").write_text("services: {mine: {image: mine:1}}\n")
    before = tree(tmp_path)
    assert cli.main(["--output", str(tmp_path)]) == 2
    expected = "server/compose.yaml would be lost, and no render wrote it; move it away, or take another --output"
    assert capsys.readouterr().err == f"{tmp_path}: {expected}\n"
    assert tree(tmp_path) == before


def test_a_site_lies_in_nothing_that_it_has_a_copy_of(capsys: Capture) -> None:
    inside = REPO / "images/als"
    assert cli.main(["--output", str(inside)]) == 2
    assert capsys.readouterr().err == f"{inside}: is inside images/, which a site copies; choose another --output\n"
    assert not inside.exists()


def test_faults_of_all_files_are_told_at_once(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / ".env").write_text("AGENT_POOLS=agent parent\n")
    (tmp_path / "schedules.yml").write_text("weather: [{interval: 0}]\n")
    (tmp_path / "catalogue.yml").write_text("algorithms: {pca: {image_tag: 1, tasks: ]}}\n")
    assert cli.main(["--output", str(tmp_path)]) == 2
    schedule, catalogue = capsys.readouterr().err.splitlines()
    assert schedule.startswith("schedules.yml: weather[0].interval: 0: ")
    assert catalogue.startswith(f"{tmp_path}/catalogue.yml: line 1: ")


# The catalogue is read by the flows that use it.
NOT_YAML = {"schedules.yml": "not valid YAML: ", "catalogue.yml": "not valid YAML: "}


@pytest.mark.parametrize("text", ["{paused: !!bool maybe}", "[" * 3000, "x: " + "9" * 5000, "!!int ''"])
@pytest.mark.parametrize("name", ["schedules.yml", "catalogue.yml"])
def test_what_the_yaml_library_stumbles_over_is_told_in_a_line(
    tmp_path: Path, capsys: Capture, name: str, text: str
) -> None:
    (tmp_path / ".env").write_text("AGENT_POOLS=agent parent\n")
    (tmp_path / name).write_text(text)
    assert cli.main(["--output", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: {NOT_YAML[name]}" in line


@pytest.mark.parametrize(("passphrase", "expected"), [(b"", ""), (b"secret", "this key has a passphrase")])
def test_a_key_must_be_of_use_to_a_worker(tmp_path: Path, capsys: Capture, passphrase: bytes, expected: str) -> None:
    (tmp_path / "id").write_bytes(private_key(passphrase))
    (tmp_path / ".env").write_text(f"AGENT_POOLS=slurm\nSLURM_HOST=login\nSLURM_SSH_KEY={tmp_path}/id\n")
    assert cli.main(["--output", str(tmp_path)]) == (2 if expected else 0)
    assert expected in capsys.readouterr().err
