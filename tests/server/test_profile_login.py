"""`prefect` with the rendered profile against a server that asks for a login which is hard to quote."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack import site
from stack.cli import main
from stack.load import envfile
from stack.render import profile
from tests.server.conftest import free_port, running_server

LOGIN = 'admin:it\'s "hard" \\ #1 $HOME %40 {{ x }} <&>; \\'


@dataclass
class Laptop:
    """A shell with `prefect` in it and nothing else of the site."""

    root: Path
    command: str

    def prefect(self, arguments: str, folder: Path, before: str = "") -> "subprocess.CompletedProcess[str]":
        env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "HOME": str(folder), "COLUMNS": "200"}
        script = f"{before or self.command}\nprefect {arguments}"
        return subprocess.run(["sh", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    root, port = tmp_path_factory.mktemp("a site"), free_port()
    text = envfile.assignment_line("PREFECT_API_AUTH_STRING", LOGIN)
    (root / ".env").write_text(f"PREFECT_API_URL=\nSERVER_PORT={port}\n{text}\n", encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    server = running_server(tmp_path_factory.mktemp("prefect"), port, PREFECT_SERVER_API_AUTH_STRING=LOGIN)
    with server as _:
        yield Laptop(root, profile.command(root, site.load(root / ".env", root).settings))


def test_one_command_and_prefect_talks_to_the_site(laptop: Laptop, tmp_path: Path) -> None:
    made = laptop.prefect("work-pool create laptop --type process", tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    listed = laptop.prefect("work-pool ls", tmp_path)
    assert "laptop" in listed.stdout
    assert "PREFECT_PROFILE='prefect-site'" in laptop.prefect("config view", tmp_path).stdout


def test_it_talks_to_the_site_in_the_folder_of_the_env_too(laptop: Laptop) -> None:
    """There `prefect` reads that file as well, with its empty URL."""
    done = laptop.prefect("work-pool ls", laptop.root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Work Pools" in done.stdout


def test_a_copy_of_the_file_is_enough_on_another_machine(laptop: Laptop, tmp_path: Path) -> None:
    copy = tmp_path / "als.toml"
    copy.write_bytes((laptop.root / profile.PATH).read_bytes())
    done = laptop.prefect("work-pool ls", tmp_path, before=f"export PREFECT_PROFILES_PATH={copy}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_login_is_refused(laptop: Laptop, tmp_path: Path) -> None:
    copy = tmp_path / "als.toml"
    text = (laptop.root / profile.PATH).read_text(encoding="utf-8")
    copy.write_text(re.sub("(AUTH_STRING = ).*", r'\1"admin:another"', text), encoding="utf-8")
    done = laptop.prefect("work-pool ls", tmp_path, before=f"export PREFECT_PROFILES_PATH={copy}")
    assert done.returncode != 0
    assert "401" in done.stdout + done.stderr
