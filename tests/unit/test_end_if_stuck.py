"""The health check that ends a stuck program: it waits, and never ends one for the faults of others."""

import subprocess
from pathlib import Path

import pytest

from stack.core.repo import REPO

SCRIPT = (REPO / "server" / "end-if-stuck.sh").read_text(encoding="utf-8")
WELL, OUTSIDE, STUCK = 0, 1, 3


@pytest.fixture
def check(tmp_path: Path) -> Path:
    """The script with this folder in place of /tmp and of the container's processes."""
    (tmp_path / "children").write_text("12 34 \n")
    script = SCRIPT.replace("/tmp/", f"{tmp_path}/").replace("/proc/1/task/1/children", f"{tmp_path}/children")
    script = script.replace("/proc/1/fd/2", f"{tmp_path}/log").replace("kill -KILL", f"echo >{tmp_path}/killed")
    path = tmp_path / "check.sh"
    path.write_text(script)
    return path


def run(check: Path, seconds: int, *statuses: int) -> list[int]:
    return [
        subprocess.run(["sh", check, str(seconds), "sh", "-c", f"exit {one}"], check=False).returncode
        for one in statuses
    ]


def killed(check: Path) -> str:
    path = check.with_name("killed")
    return path.read_text().strip() if path.exists() else ""


def test_a_stuck_program_is_ended(check: Path) -> None:
    assert run(check, 0, WELL, STUCK) == [0, 1]
    assert killed(check) == "12 34"
    assert "ended, to be started again" in check.with_name("log").read_text()


@pytest.mark.parametrize(
    ("seconds", "statuses"),
    [
        (0, (STUCK, STUCK)),  # it has not been well yet: a start may take long
        (0, (WELL, OUTSIDE, OUTSIDE)),
        (3600, (WELL, STUCK, STUCK)),
    ],
)
def test_others_are_not(check: Path, seconds: int, statuses: tuple[int, ...]) -> None:
    run(check, seconds, *statuses)
    assert killed(check) == ""


def test_the_time_counts_from_the_first_of_the_checks_in_a_row(check: Path) -> None:
    run(check, 3600, WELL, STUCK)
    stuck = check.with_name("is-stuck")
    stuck.write_text("1\n")  # since 1970
    run(check, 3600, OUTSIDE)
    assert not stuck.exists()
    run(check, 3600, STUCK)
    assert killed(check) == ""
