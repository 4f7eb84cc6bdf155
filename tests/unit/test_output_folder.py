"""A site whose .env lies outside its folder."""

from pathlib import Path

from stack import cli


def test_env_beside_an_output_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    env = tmp_path / "als.env"
    env.write_text("SITE=als\nCOMPONENTS=server\n", encoding="utf-8")
    assert cli.main(["--env", str(env), "--output", str(tmp_path / "sites" / "als")]) == 0
    assert (tmp_path / "sites" / "als" / "server" / "compose.yaml").is_file()
    assert "SERVER_DATABASE_PASSWORD=" in env.read_text(encoding="utf-8")
