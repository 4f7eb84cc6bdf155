"""The command line: help of each command, exit statuses, the order of arguments."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stack import arguments, cli
from stack.doctor import doctor
from tests.sites import REPO, render
from tests.unit.tree import tree

Capture = pytest.CaptureFixture[str]
HELP = {
    "render": "Reads and checks the settings, then writes the files of the site and says which of them changed.",
    "show": "Prints the settings that are in effect: name, origin, value. Writes nothing. Secrets are shown as `...`.",
    "schedules": "Prefect is taken from this environment, or else from the site's image: run `make up` once before.",
    "doctor": "and says what to do. Changes nothing. The exit status is 1 if a line begins with FAIL.",
    "up": "Renders the site, builds the missing images, starts the containers, registers the deployments and runs one",
    "down": "Stops and removes all containers (or processes) of the site on this machine. Volumes and their data stay;",
    "trust": "into /etc/hosts, its CA into /etc/docker/certs.d. Render first, as the user of the site. Needs root.",
    "bundle": "`load` unpacks this file and starts the site. The file contains the site's secrets: keep it private.",
    "load": "Needs Python and an engine, but no network and no packages.",
}
EXAMPLES = {
    "render": "  python render.py --env sites/als.env --output sites/als",
    "show": "  python render.py show SITE SERVER_PORT",
    "schedules": "  python render.py schedules --days 400",
    "doctor": "  python render.py doctor",
    "up": "  python render.py up",
    "down": "  python render.py down",
    "trust": "  sudo .venv/bin/python render.py trust",
    "bundle": "  python render.py bundle --to /media/usb/als.bundle.tar.gz",
    "load": "  python render.py load /media/usb/als.bundle.tar.gz --output als",
}


def help_of(capsys: Capture, *command: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


def refused(capsys: Capture, *given: str) -> str:
    """The last line of what argparse says."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*given])
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


# Help


def test_help_lists_every_command_with_what_it_does(capsys: Capture) -> None:
    said = help_of(capsys)
    assert said[0] == "usage: render.py [COMMAND] [OPTION ...]"
    listed = [" ".join(line.split()) for line in said]
    for name, command in arguments.COMMANDS.items():
        assert f"{name} {command.summary}" in listed
    assert "  2    an error; stderr has one line for each, with what to change" in said


def test_there_is_a_command_for_each_line_of_the_list() -> None:
    assert arguments.COMMANDS.keys() == cli.COMMANDS.keys() == HELP.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("command", arguments.COMMANDS)
def test_each_command_explains_itself_with_an_example(command: str, capsys: Capture) -> None:
    said = help_of(capsys, command)
    assert said[0].startswith(f"usage: render.py {command} [-h] [--")
    assert HELP[command] in said
    assert EXAMPLES[command] in said


@pytest.mark.parametrize("command", arguments.COMMANDS)
def test_examples_are_understood(command: str) -> None:
    given = shlex.split(EXAMPLES[command].partition("render.py")[2])
    assert arguments.parsed(given).command == command


@pytest.mark.parametrize("command", arguments.COMMANDS)
def test_help_fits_a_page(command: str) -> None:
    assert max(len(line) for line in arguments.COMMANDS[command].description.splitlines()) <= 112


def test_help_needs_no_package() -> None:
    code = "import sys; from stack import cli; sys.exit(cli.main(['show', '--help']))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# The order of arguments


def test_without_a_command_it_renders() -> None:
    bare = arguments.parsed(["--env", "x", "--output", "y", "--check", "--diff"])
    assert bare == arguments.parsed(["render", "--env", "x", "--output", "y", "--check", "--diff"])
    assert (bare.command, bare.env, bare.output, bare.check, bare.diff) == ("render", Path("x"), Path("y"), True, True)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["render"], ["--check"]),
        (["render"], ["--env", "x", "--output", "y", "--diff"]),
        (["up"], ["--env", "x", "--output", "y"]),
        (["up"], ["--env", "up", "--output", "down"]),
        (["show", "SITE", "SERVER_PORT"], ["--env", "x"]),
        (["bundle"], ["--to", "x", "--output", "y"]),
        (["load", "x"], ["--output", "y"]),
    ],
)
def test_options_come_before_or_after_the_command(command: list[str], options: list[str]) -> None:
    assert arguments.parsed([*options, *command]) == arguments.parsed([*command, *options])


def test_of_an_option_that_is_given_twice_the_last_counts() -> None:
    assert arguments.parsed(["--output", "x", "up", "--output", "y"]).output == Path("y")


@pytest.mark.parametrize("command", [name for name in arguments.COMMANDS if name not in ("render", "load")])
@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_options_of_another_command_are_refused_before_it_too(command: str, option: str, capsys: Capture) -> None:
    assert refused(capsys, option, command) == f"render.py {command}: error: {command} does not take {option}"


def test_an_unknown_option_or_command_is_refused(capsys: Capture) -> None:
    assert refused(capsys, "--chekc") == "render.py render: error: render does not take --chekc"
    assert refused(capsys, "rendr").startswith("render.py: error: argument COMMAND: invalid choice: 'rendr'")


# Exit statuses


def test_a_script_can_tell_drift_from_a_fault(tmp_path: Path) -> None:
    site = ("--output", str(tmp_path))
    assert render(*site, "--check", check=False).returncode == 1
    assert render(*site, "--diff", check=False).returncode == 0
    assert render(*site, check=False).returncode == 0
    assert render(*site, "--check", check=False).returncode == 0
    (tmp_path / ".env").write_text("SERVER_PORT=x\n", encoding="utf-8")
    for command in (("--check",), ("--diff",), ("show",), ("doctor",), ()):
        done = render(*command, *site, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(".env:1: SERVER_PORT=x: ")


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_of_doctor_is_that_of_what_it_finds(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "run", lambda site: status)
    assert cli.main(["doctor", "--output", str(tmp_path)]) == status


def test_what_the_system_refuses_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def fail(site: object) -> int:
        raise PermissionError(13, "Permission denied", "/etc/hosts")

    monkeypatch.setattr(doctor, "run", fail)
    assert cli.main(["doctor", "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "/etc/hosts: Permission denied; correct that and run the same command again\n"


def test_an_interrupt_has_a_status_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def interrupt(site: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupt)
    assert cli.main(["doctor", "--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "stopped; run the same command again to go on\n"


def test_without_packages_it_says_what_to_run(tmp_path: Path) -> None:
    """`-S` hides the packages; a copy has no .venv beside it."""
    (tmp_path / "render.py").write_bytes((REPO / "render.py").read_bytes())
    command = [sys.executable, "-S", str(tmp_path / "render.py")]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "render.py needs its packages: run `make .venv` first\n"


# show


SETTINGS = """\
SITE=als
# a comment
COMPONENTS='server client'
SERVER_PORT=04300
SERVER_DATABASE_PASSWORD=mine
SERVER_REDIS_PASSWORD=
SITE_LABELS="team=beamline,floor=2"
"""


def shown(folder: Path, capsys: Capture, *keys: str) -> list[str]:
    """What `show` prints; it writes nothing."""
    before = tree(folder)
    assert cli.main(["show", *keys, "--output", str(folder)]) == 0
    assert tree(folder) == before
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def test_show_says_what_is_in_effect_and_where_it_comes_from(folder: Path, capsys: Capture) -> None:
    keys = ("SITE", "COMPONENTS", "SERVER_PORT", "SITE_LABELS", "SERVER_BIND", "SERVER_AUTH", "PREFECT_API_URL")
    assert shown(folder, capsys, *keys) == [
        "SITE             set .env:1  als",
        "COMPONENTS       set .env:3  server client",
        "SERVER_PORT      set .env:4  4300",
        "SITE_LABELS      set .env:7  team=beamline,floor=2",
        "SERVER_BIND      default     127.0.0.1",
        "SERVER_AUTH      default     true",
        "PREFECT_API_URL  default",
    ]


def test_show_hides_secrets_and_says_which_are_made(folder: Path, capsys: Capture) -> None:
    keys = ("SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD", "PREFECT_API_AUTH_STRING", "REGISTRY_PASSWORD")
    assert shown(folder, capsys, *keys) == [
        "SERVER_DATABASE_PASSWORD  set .env:5      ...",
        "SERVER_REDIS_PASSWORD     made at render  ...",
        "PREFECT_API_AUTH_STRING   made at render  ...",
        "REGISTRY_PASSWORD         default",
    ]
    assert "mine" not in "".join(shown(folder, capsys))


def test_what_a_render_made_is_set_afterwards(folder: Path, capsys: Capture) -> None:
    assert cli.main(["--output", str(folder)]) == 0
    capsys.readouterr()
    assert shown(folder, capsys, "SERVER_REDIS_PASSWORD") == ["SERVER_REDIS_PASSWORD  set .env:6  ..."]


def test_show_has_every_setting_below_the_title_of_its_section(folder: Path, capsys: Capture) -> None:
    example = (REPO / ".env.example").read_text(encoding="utf-8").splitlines()
    titles = [line.removeprefix("# === ").removesuffix(" ===") for line in example if line.startswith("# === ")]
    keys = [line.partition("=")[0] for line in example if line and not line.startswith("#")]
    lines = shown(folder, capsys)
    assert [line for line in lines if line and not line.startswith(" ")] == titles
    assert [line.split()[0] for line in lines if line.startswith(" ")] == keys
    assert lines[1] == f"  {'SITE':{max(map(len, keys))}}  {'set .env:1':14}  als"


def test_show_knows_the_nearest_name(folder: Path, capsys: Capture) -> None:
    assert cli.main(["show", "SERVER_PROT", "SITE", "qqq", "--output", str(folder)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "SERVER_PROT: unknown setting; did you mean SERVER_PORT?",
        "qqq: unknown setting; `python render.py show` lists all settings",
    ]


def test_show_refuses_a_wrong_file_as_render_does(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / ".env").write_text("SERVER_PORT=x\nSIET=als\nnothing\n", encoding="utf-8")
    assert cli.main(["--output", str(tmp_path)]) == 2
    refusal = capsys.readouterr().err
    assert len(refusal.splitlines()) == 3
    assert cli.main(["show", "SITE", "--output", str(tmp_path)]) == 2
    assert capsys.readouterr() == ("", refusal)


def test_show_without_a_file_has_the_defaults(tmp_path: Path, capsys: Capture) -> None:
    assert cli.main(["show", "SITE", "SERVER_REDIS_PASSWORD", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "SITE                   default         prefect-site",
        "SERVER_REDIS_PASSWORD  made at render  ...",
    ]
    assert said.err == f"{tmp_path / '.env'}: there is no such file; these are the defaults\n"
    assert not list(tmp_path.iterdir())


def test_show_of_another_file_needs_no_folder(tmp_path: Path, capsys: Capture) -> None:
    env = tmp_path / "als.env"
    env.write_text("\nSITE=als\n", encoding="utf-8")
    assert cli.main(["show", "SITE", "--env", str(env)]) == 0
    assert capsys.readouterr() == ("SITE  set als.env:2  als\n", "")
    assert cli.main(["show", "--env", str(tmp_path / "none.env")]) == 2
    example = os.path.relpath(REPO / ".env.example")
    advice = f"make it with `cp {example} {tmp_path / 'none.env'}`"
    assert capsys.readouterr() == ("", f"{tmp_path / 'none.env'}: there is no such file; {advice}\n")


def test_show_of_a_site_that_lost_its_file_promises_no_secrets(folder: Path, capsys: Capture) -> None:
    assert cli.main(["--output", str(folder)]) == 0
    (folder / ".env").unlink()
    capsys.readouterr()
    assert cli.main(["show", "--output", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(f"{folder / '.env'}: there is no such file, and {folder} holds a site; ")
