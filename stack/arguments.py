"""The arguments of render.py: each command with its options, its help and an example.

Standard library only: `load` runs on a machine without packages.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = "render.py"
DEFAULT = "render"  # the command of a bare `python render.py`

DESCRIPTION = """\
Makes a Prefect site from one settings file, .env: Compose files, work pools, deployments, credentials.

  python render.py                write the site into this folder; the first time, make .env as well
  python render.py --check        exit with status 1 if a render would change a file; write nothing
  python render.py up             start the site: files, images, containers, deployments, one sample run
  python render.py COMMAND --help explain a command, with an example
"""
EXIT_STATUS = """\
exit status:
  0    success
  1    --check found a difference, or doctor found a FAIL
  2    an error; stderr has one line for each, with what to change
  130  interrupted with Ctrl-C
"""


class Command(NamedTuple):
    """What a command takes, its line in the list of commands, and its own help."""

    takes: tuple[str, ...]
    summary: str
    description: str


ANOTHER_SITE = "--env", "--output"
COMMANDS = {
    "render": Command(
        (*ANOTHER_SITE, "--check", "--diff"),
        "write the site's files from .env (the default)",
        """\
Reads and checks the settings, then writes the files of the site and says which of them changed.
Passwords that are empty in .env are made once and kept there.

  python render.py                  this folder, from .env; the first time, .env is made as well
  python render.py --check          exit with status 1 if a render would change a file; write nothing
  python render.py --diff           show what a render would change, secrets hidden; write nothing
  python render.py --env sites/als.env --output sites/als
                                    another site, in a folder of its own
""",
    ),
    "show": Command(
        ("KEY", *ANOTHER_SITE),
        "print each setting, its value and where the value comes from",
        """\
Prints the settings that are in effect: name, origin, value. Writes nothing. Secrets are shown as `...`.
The origin is `set FILE:LINE`, `default`, or `made at render` for a password that the next render makes.

  python render.py show             all settings, grouped as in .env.example
  python render.py show SITE SERVER_PORT
                                    only these two
""",
    ),
    "schedules": Command(
        (*ANOTHER_SITE, "--days"),
        "print when each schedule will run",
        """\
Prints the runs of each schedule of schedules.yml and of client/deployments/, in its own time zone and in UTC,
by the code of the site's version of Prefect. Days on which clocks change are marked. Changes nothing.
Prefect is taken from this environment, or else from the site's image: run `make up` once before.

  python render.py schedules        the next 7 days
  python render.py schedules --days 400
                                    both changes of the clocks in a year
""",
    ),
    "doctor": Command(
        ANOTHER_SITE,
        "report what this machine lacks for its site; change nothing",
        """\
Checks this machine and the site: engine, ports, registry, storage. Each line begins with ok, note or FAIL,
and says what to do. Changes nothing. The exit status is 1 if a line begins with FAIL.

  python render.py doctor
""",
    ),
    "up": Command(
        ANOTHER_SITE,
        "start the site: files, images, containers, deployments, one sample run",
        """\
Renders the site, builds the missing images, starts the containers, registers the deployments and runs one
sample flow. Without a container engine, the site runs as processes. Safe to run again at any time.

  python render.py up
""",
    ),
    "down": Command(
        ANOTHER_SITE,
        "stop everything of the site; data stays",
        """\
Stops and removes all containers (or processes) of the site on this machine. Volumes and their data stay;
`up` starts the site again.

  python render.py down
""",
    ),
    "trust": Command(
        ANOTHER_SITE,
        "as root: let this machine's engine use the site's registry",
        """\
Writes what this machine's engine needs to push to and pull from the site's registry: the name of the registry
into /etc/hosts, its CA into /etc/docker/certs.d. Render first, as the user of the site. Needs root.

  sudo .venv/bin/python render.py trust
""",
    ),
    "bundle": Command(
        (*ANOTHER_SITE, "--to"),
        "pack the site into one file, for a machine without a network",
        """\
Packs the rendered site, its images and the Python packages into one file. On a machine without a network,
`load` unpacks this file and starts the site. The file contains the site's secrets: keep it private.

  python render.py bundle --to /media/usb/als.bundle.tar.gz
""",
    ),
    "load": Command(
        ("FILE", "--output"),
        "start the site of a bundle on this machine",
        """\
Checks the file that `bundle` made, puts its site into a new folder, loads its images and runs `make up` there.
Needs Python and an engine, but no network and no packages.

  python render.py load /media/usb/als.bundle.tar.gz --output als
""",
    ),
}
MAX_DAYS = 3660


def _days(text: str) -> int:
    """A number of days, or the fault that argparse shows."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text}: write a whole number of days from 1 to {MAX_DAYS}")
    return int(text)


HELP: dict[str, dict[str, Any]] = {
    "KEY": {"nargs": "*", "help": "settings to print (default: all)"},
    "FILE": {"type": Path, "help": "the bundle"},
    "--env": {"type": Path, "metavar": "FILE", "help": "the settings file (default: .env in the site's folder)"},
    "--output": {"type": Path, "metavar": "FOLDER", "help": "the site's folder (default: the folder of render.py)"},
    "--check": {"action": "store_true", "help": "exit with status 1 if a render would change a file; write nothing"},
    "--diff": {"action": "store_true", "help": "show what a render would change; write nothing"},
    "--days": {"type": _days, "metavar": "N", "help": f"days to look ahead, 1 to {MAX_DAYS} (default: 7)"},
    "--to": {"type": Path, "metavar": "FILE", "help": "file to write (default: SITE.bundle.tar.gz in this folder)"},
}
OF_LOAD = "new folder for the site (default: one in this folder, named like the site)"
UNSET = {"env": None, "output": None, "to": None, "days": 7, "check": False, "diff": False}


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command and its options; ends the program for a wrong argument (status 2) and for --help (status 0)."""
    parser, commands = _parsers()
    options, unknown = parser.parse_known_args(arguments)
    given = vars(options) | {"command": options.command or DEFAULT}
    takes = COMMANDS[given["command"]].takes
    unknown += [f"--{name}" for name in given if name in UNSET and f"--{name}" not in takes]
    if unknown:
        commands[given["command"]].error(f"{given['command']} does not take {' '.join(unknown)}")
    return argparse.Namespace(**(UNSET | given))


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The one of the program, and the one of each command."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        usage=f"{PROGRAM} [COMMAND] [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", prog=PROGRAM)
    commands = {name: _command(group, name, command) for name, command in COMMANDS.items()}
    for name in COMMANDS[DEFAULT].takes:
        _add(parser, name)
    _add(parser, "--to", help=argparse.SUPPRESS)  # options may come before the command
    return parser, commands


def _command(group: Any, name: str, command: Command) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(
        name,
        help=command.summary,
        description=command.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for taken in command.takes:
        _add(parser, taken, **({"help": OF_LOAD} if (name, taken) == ("load", "--output") else {}))
    return parser


def _add(parser: argparse.ArgumentParser, name: str, **other: Any) -> None:
    """An option without a default: what a command's parser sets would hide what came before the command."""
    if name.startswith("-"):
        parser.add_argument(name, default=argparse.SUPPRESS, **(HELP[name] | other))
    else:
        parser.add_argument(f"{name.lower()}s" if name == "KEY" else name.lower(), metavar=name, **HELP[name])
