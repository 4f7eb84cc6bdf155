"""`.venv` and what the user's shell holds for other Pythons: what is broken is made again, and nothing is misled."""

import ast
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import render
from tests.sites import REPO

FOREIGN = {"PYTHONPATH": "/opt/modules/python", "PYTHONUSERBASE": "/opt/user", "VIRTUAL_ENV": "/opt/env"}
# Makes an environment whose Python writes down how it is called; FITS in its folder is what it thinks of its stamp.
PYTHON = """#!/bin/sh
echo "$0 $*" >> calls
case "$*" in
*render.fits*) cat FITS; exit ;;
esac
env | grep -E '^(PYTHONPATH|PYTHONUSERBASE|VIRTUAL_ENV|PIP_TARGET)' >> misled
case "$*" in
*identity*) echo made ;;
"-m venv --clear .venv") mkdir -p .venv/bin && rm -rf .venv/* && mkdir .venv/bin && cp python .venv/bin/python ;;
esac
"""
AGAIN = "making .venv again: it is not complete, or not from this Python and this folder"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout, as far as its Makefile goes."""
    shutil.copy(REPO / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "FITS").write_text("True\n")
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "misled").touch()
    return tmp_path


def make(folder: Path, target: str = ".venv", **environment: str) -> tuple[list[str], list[str]]:
    """What it says, and how Python was called meanwhile, without the question whether all fits."""
    (folder / "calls").unlink(missing_ok=True)
    command = ["make", "--no-print-directory", target, f"PYTHON={folder}/python"]
    # As in a shell: a make that runs the tests would say its level, and pass on its options.
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, cwd=folder, env=shell | environment, capture_output=True, text=True, check=True)
    calls = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    return done.stdout.splitlines(), [call for call in calls if "render.fits" not in call]


class TestMake:
    def test_what_fits_is_left_alone(self, folder: Path) -> None:
        said, calls = make(folder)
        assert said == ["installing the packages of requirements.txt into .venv"]
        assert f"{folder}/python -m venv --clear .venv" in calls
        assert (folder / ".venv/.installed").read_text() == "made\n"
        assert make(folder) == (["make: Nothing to be done for '.venv'."], [])

    @pytest.mark.parametrize("fits", ["False\n", "ModuleNotFoundError: No module named 'encodings'\n", ""])
    def test_what_does_not_fit_is_made_again(self, fits: str, folder: Path) -> None:
        make(folder)
        (folder / "FITS").write_text(fits)
        (folder / ".venv/old").touch()
        said, calls = make(folder, "render")
        assert said == [AGAIN, "installing the packages of requirements.txt into .venv"]
        assert calls[-1] == ".venv/bin/python render.py"
        assert not (folder / ".venv/old").exists()

    def test_one_whose_python_is_gone(self, folder: Path) -> None:
        make(folder)
        (folder / ".venv/bin/python").unlink()
        (folder / ".venv/bin/python").symlink_to("/usr/bin/python3.2")
        assert make(folder)[0][0] == AGAIN

    def test_a_link_to_the_environment_of_another_folder_leaves_that_alone(self, folder: Path) -> None:
        (folder / "other").mkdir()
        (folder / "other/theirs").touch()
        (folder / ".venv").symlink_to("other")
        (folder / "FITS").write_text("False\n")
        assert make(folder)[0][0] == AGAIN
        assert (folder / "other/theirs").exists()
        assert not (folder / ".venv").is_symlink()

    def test_a_new_package_is_installed_into_what_fits(self, folder: Path) -> None:
        make(folder)
        (folder / "requirements.txt").touch()
        os.utime(folder / ".venv/.installed", (0, 0))
        said, calls = make(folder)
        assert said == ["installing the packages of requirements.txt into .venv"]
        assert not [call for call in calls if "venv --clear" in call]

    def test_nothing_of_the_shell_reaches_it(self, folder: Path) -> None:
        make(folder, "render", **FOREIGN, PIP_TARGET="/opt/target")
        assert (folder / "misled").read_text() == ""

    def test_goals_without_it_do_not_ask(self, folder: Path) -> None:
        make(folder, "help")
        assert not (folder / "calls").exists()


def copied(folder: Path, python: str = "") -> Path:
    """`render.py` alone, beside a `.venv` with this Python."""
    shutil.copy(REPO / "render.py", folder)
    if python:
        (folder / ".venv/bin").mkdir(parents=True)
        (folder / ".venv/bin/python").write_text(python)
        (folder / ".venv/bin/python").chmod(0o755)
    return folder / "render.py"


def run(script: Path, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *options, str(script), "--check"]
    given = {"PATH": os.environ["PATH"]} | environment
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


class TestRender:
    def test_venv_is_preferred_and_the_shell_does_not_mislead_it(self, tmp_path: Path) -> None:
        done = run(copied(tmp_path, '#!/bin/sh\necho "$@"; env | grep PYTHON; exit 0\n'), **FOREIGN)
        assert (done.stdout, done.stderr) == (f"{tmp_path}/render.py --check\n", "")

    def test_venv_that_cannot_be_run(self, tmp_path: Path) -> None:
        done = run(copied(tmp_path, "\x7fELF of another machine"))
        assert done.returncode == 2
        assert done.stderr == (
            f"{tmp_path}/.venv/bin/python: Exec format error; run `make .venv`, which makes it again\n"
        )

    def test_venv_without_packages_is_not_run_with_those_of_the_shell(self, tmp_path: Path) -> None:
        """As an upgrade of Python leaves it."""
        script = copied(tmp_path)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
        done = run(script, PYTHONPATH=str(importlib.metadata.distribution("jinja2").locate_file("")))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "render.py needs its packages: run `make .venv` first\n"

    @pytest.mark.parametrize("package", render.NEEDED)
    def test_an_environment_that_lacks_one_package(
        self, package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        monkeypatch.setattr(render, "VENV_PYTHON", tmp_path / "none")
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else True)
        assert render.main() == 2
        assert capsys.readouterr().err == "render.py needs its packages: run `make .venv` first\n"

    def test_a_package_that_is_too_old(self, tmp_path: Path) -> None:
        """As that of a module: it is found, and does not have what is imported."""
        for name in render.NEEDED:
            (tmp_path / "modules" / name).mkdir(parents=True)
            (tmp_path / "modules" / name / "__init__.py").touch()
        (tmp_path / "stack").symlink_to(REPO / "stack")
        done = run(copied(tmp_path), "-S", PYTHONPATH=str(tmp_path / "modules"))
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("render.py cannot use the packages of ")
        assert line.endswith("): run `make .venv` first")

    def test_a_python_that_is_too_old(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        monkeypatch.setattr(render, "VENV_PYTHON", tmp_path / "none")
        monkeypatch.setattr(sys, "version_info", (3, 9, 2))
        assert render.main() == 2
        assert capsys.readouterr().err == (
            "render.py needs Python 3.11 or later, and this is 3.9; name one: `make .venv PYTHON=python3.11`\n"
        )

    def test_an_old_python_can_read_it(self) -> None:
        """Otherwise it shows a traceback before the first line runs."""
        ast.parse((REPO / "render.py").read_text(), feature_version=(3, 6))

    def test_it_asks_for_all_that_stack_imports(self) -> None:
        imported = set()
        for path in REPO.glob("stack/**/*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(str(node.module).partition(".")[0])
        own = {"stack", *(path.name for path in (REPO / "client").iterdir())}
        assert imported - sys.stdlib_module_names - own <= set(render.NEEDED)


@pytest.mark.parametrize("other", ["cpython-309 {1} {2}", "{0} linux-vax {2}", "{0} {1} /elsewhere/.venv"])
def test_an_environment_fits_its_python_machine_and_folder(other: str, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    assert not render.fits(str(stamp))
    stamp.write_text(f"{render.identity()}\n")
    assert render.fits(str(stamp))
    stamp.write_text(other.format(*render.identity().split(" ", 2)))
    assert not render.fits(str(stamp))
