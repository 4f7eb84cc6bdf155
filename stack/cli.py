"""The command line of render.py: the one place that prints an error and sets the exit status."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from stack import arguments
from stack.core.errors import SiteError
from stack.core.repo import REPO

# `load` runs where no package is installed: what needs one is imported where it is used.
if TYPE_CHECKING:
    from stack.site import Site

DRIFT = 1  # --check found what a render would change; a FAIL of doctor is 1 as well
FAULT = 2  # as argparse's own
INTERRUPTED = 130


def main(given: list[str] | None = None) -> int:
    options = arguments.parsed(given)
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
        return INTERRUPTED
    except BrokenPipeError:  # `render.py --diff | head`: nothing reads what would be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except OSError as error:
        what = error.filename or "this command"
        print(f"{what}: {error.strerror}; correct that and run the same command again", file=sys.stderr)
        return FAULT


def _load(options: argparse.Namespace) -> "Site":
    loaded = _loaded(options)
    for warning in loaded.warnings:
        print(warning, file=sys.stderr)
    return loaded


def _loaded(options: argparse.Namespace) -> "Site":
    from stack import site

    if options.env and not options.output:
        raise SiteError(
            "--env names another site; name its folder as well, with --output, for example --output sites/als"
        )
    return site.load(*_paths(options))


def _paths(options: argparse.Namespace) -> tuple[Path, Path]:
    """The settings file and the folder of the site; a file that the user names must exist."""
    from stack.load import envfile

    root = options.output or REPO
    env = options.env or root / ".env"
    if Path(os.path.realpath(env)).name == ".env.example":
        raise SiteError(
            f"{env}: this is the example, and a render writes secrets into its file; copy it to another name"
        )
    if options.env and not envfile.exists(options.env):
        raise SiteError(_missing(options.env))
    return env, root


def _missing(env: Path) -> str:
    if env.parent.exists() and not env.parent.is_dir():
        return f"{env.parent}: this is not a folder; with --env, name a file in a folder"
    folder = "" if env.parent.is_dir() else f"mkdir -p {shlex.quote(str(env.parent))} && "
    copied = shlex.join(["cp", os.path.relpath(REPO / ".env.example"), str(env)])
    return f"{env}: there is no such file; make it with `{folder}{copied}`"


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
        print(f"{component.name} is no longer in COMPONENTS; stop what still runs of it with: {stop}")
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


def _show(options: argparse.Namespace) -> int:
    from stack import show, site
    from stack.load import envfile

    env_path, root = _paths(options)
    is_there, env = envfile.exists(env_path), site.given(env_path, root)
    lines = show.lines(env if is_there else envfile.parse(env_path, ""), options.keys)
    if not is_there:
        print(f"{env_path}: there is no such file; these are the defaults", file=sys.stderr)
    print("\n".join(lines))
    return 0


def _schedules(options: argparse.Namespace) -> int:
    from stack.run import schedule_times

    for line in schedule_times.lines(_loaded(options), options.days):
        print(line)
    return 0


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
    "show": _show,
    "schedules": _schedules,
    "doctor": _doctor,
    "up": _up,
    "down": _down,
    "trust": _trust,
    "bundle": _bundle,
    "load": _load_bundle,
}
