"""The command line of render.py: the one place that prints an error and sets the exit status."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from stack.core.errors import SiteError
from stack.core.repo import REPO

# `load` runs where no package is installed: what needs one is imported where it is used.
if TYPE_CHECKING:
    from stack.site import Site

DRIFT = 1  # exit status of --check where a render would change something
FAULT = 1
USAGE = 2  # argparse's own

DESCRIPTION = """\
Renders a Prefect site from one .env: Compose files, work pool templates, deployments, credentials.

  python render.py                    render the site of ./.env into this folder; make .env where there is none
  python render.py --check            exit 1 if a render would change anything; write nothing
  python render.py --diff             show what a render would change, secrets hidden; write nothing
  python render.py --env sites/als.env --output sites/als
                                      a self-contained folder for another site
  python render.py doctor             what this machine lacks, each with the mend; changes nothing
  python render.py up                 render, images, containers (or processes), registration, one sample run
  python render.py down               stop all of it; data stays
  python render.py trust              as root: let this machine's engine use the site's registry
  python render.py bundle [--to FILE] all that `up` needs on a machine without a network, in one file, secrets included
  python render.py load FILE [--output FOLDER]
                                      there: check the file, put the site into a new folder, load its images, `make up`
"""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a diff shows every script, a terminal may not
    try:
        status = int(COMMANDS[options.command](options))
        if sys.stdout:  # there is none where it is closed: `>&-`
            sys.stdout.flush()
        return status
    except SiteError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return FAULT
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `render.py --diff | head`: nobody reads what is still to be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except OSError as error:
        print(
            f"{error.filename or 'this command'}: {error.strerror}; mend it and run the same command again",
            file=sys.stderr,
        )
        return FAULT


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command != "render" and (options.check or options.diff):
        parser.error(f"--check and --diff belong to render; {options.command} takes neither")
    if (options.command == "load") != bool(options.file):
        parser.error("load, and nothing else, takes the FILE of a bundle: load FILE")
    if options.to and options.command != "bundle":
        parser.error(f"--to belongs to bundle; {options.command} does not take it")
    if options.env and options.command == "load":
        parser.error("load takes no --env; the settings are in the bundle")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "render.py", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", nargs="?", default="render", choices=COMMANDS, help="default: render")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="load: the bundle")
    parser.add_argument("--env", type=Path, metavar="FILE", help="the site's settings (default: .env beside render.py)")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where the site is written (default: beside render.py)"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="bundle: the file (default: SITE.bundle.tar.gz, here)")
    parser.add_argument("--check", action="store_true", help="render: exit 1 on drift, write nothing")
    parser.add_argument("--diff", action="store_true", help="render: show the drift, write nothing")
    return parser


def _load(options: argparse.Namespace) -> "Site":
    from stack import site
    from stack.load import envfile

    if options.env and not options.output:
        raise SiteError(
            "--env names another site: say with --output which folder it is for, for example --output sites/als"
        )
    root = options.output or REPO
    env = options.env or root / ".env"
    if Path(os.path.realpath(env)).name == ".env.example":
        raise SiteError(f"{env}: is the example, and a site's secrets go into its file; copy it to another name")
    if options.env and not envfile.exists(options.env):
        if options.env.parent.exists() and not options.env.parent.is_dir():
            raise SiteError(f"{options.env.parent}: is no folder; give the path of a file in one with --env")
        folder = "" if options.env.parent.is_dir() else f"mkdir -p {shlex.quote(str(options.env.parent))} && "
        copied = shlex.join(["cp", os.path.relpath(REPO / ".env.example"), str(options.env)])
        raise SiteError(f"{options.env}: there is no such file; make it with `{folder}{copied}`")
    return site.load(env, root)


def _render(options: argparse.Namespace) -> int:
    rendered = _load(options)
    if options.diff:
        sys.stdout.write("".join(change.diff() for change in rendered.changes))
    if options.check or options.diff:
        for change in rendered.changes:
            print(change.line())
        return DRIFT if rendered.changes and options.check else 0
    write(rendered)
    return 0


def write(rendered: "Site") -> None:
    """Writes the site and says what changed."""
    from stack import site

    for component in rendered.leaving:
        stop = f"docker compose -p {component.project(rendered.settings.SITE)} down"
        print(f"{component.name} is no longer in COMPONENTS; what still runs of it ends with: {stop}")
    site.write(rendered)
    for key in rendered.made:
        print(f"made    {key} (kept in {rendered.plan[0].path})")
    for change in rendered.changes:
        print(change.line())
    print(_summary(rendered))


def _summary(rendered: "Site") -> str:
    names = " ".join(component.name for component in rendered.components)
    gone = sum(change.kind == "gone" for change in rendered.changes)
    changed = f"{len(rendered.changes) - gone} of {len(rendered.plan)} files written" + (
        f", {gone} removed" if gone else ""
    )
    if not rendered.changes:
        changed = "nothing changed"
    return f"site {rendered.settings.SITE} ({names}): {changed}"


def _doctor(options: argparse.Namespace) -> int:
    from stack.doctor import doctor  # the engine is asked only here

    return doctor.run(_load(options))


def _up(options: argparse.Namespace) -> int:
    from stack.run import up

    rendered = _load(options)
    write(rendered)
    return up.up(rendered)


def _down(options: argparse.Namespace) -> int:
    from stack.run import up

    return up.down(_load(options))


def _trust(options: argparse.Namespace) -> int:
    from stack.run import trust

    return trust.trust(_load(options))


def _bundle(options: argparse.Namespace) -> int:
    from stack.bundle import make

    rendered = _load(options)
    write(rendered)
    make.bundle(rendered, options.to)
    return 0


def _load_bundle(options: argparse.Namespace) -> int:
    from stack.bundle import load

    load.load(options.file, options.output)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "render": _render,
    "doctor": _doctor,
    "up": _up,
    "down": _down,
    "trust": _trust,
    "bundle": _bundle,
    "load": _load_bundle,
}
