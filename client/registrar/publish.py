"""Flow code, copied to where the workers read it: `python -m registrar.publish SOURCE TARGET [BESIDE ...]`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from registrar import flow_code
from registrar.errors import RegistrarError, raise_all
from registrar.flow_code import CACHE
from registrar.outcome import LEFT, Outcome
from registrar.registration import Publish


def check(publish: Publish) -> Iterator[str]:
    """What is wrong with the folders."""
    yield from flow_code.check(publish, "publish")
    source, target = Path(publish.source).resolve(), Path(publish.target).resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        yield f"publish.target: {publish.target}: is inside the source or around it; name a separate folder"


def apply(publish: Publish) -> Outcome:
    """Make the targets hold what the sources hold. A file is replaced in one step, and only where it differs."""
    try:
        wanted = places(publish)
        removed = sum(prune(target, wanted) for target in targets(publish).values())
        written = sum(write(path, data) for path, data in wanted.items())
    except OSError as error:
        raise RegistrarError(f"publish: {error.filename}: {error.strerror}; {_remedy(publish, error)}") from None
    return Outcome("flow code", publish.target, summary(written, removed))


def _remedy(publish: Publish, error: OSError) -> str:
    """A file of a strict umask is one that the registrar, another user than its owner, cannot read."""
    folders = {Path(publish.source), *(Path(publish.source).parent / name for name in publish.beside)}
    if any(Path(str(error.filename)).is_relative_to(folder) for folder in folders):
        return "all users must be able to read it: `python render.py`, or `chmod a+rX` it"
    return f"the registrar's user must own {publish.target}"


def targets(publish: Publish) -> dict[str, Path]:
    """Where each source goes, by its name. The images make /srv/site/launchers a link to a folder below
    /srv/site/flows, so that one volume holds both: what is real is asked for here."""
    target = Path(publish.target)
    beside = {name: (target.parent / name).resolve() for name in publish.beside}
    return {Path(publish.source).name: target.resolve()} | beside


def places(publish: Publish) -> dict[Path, bytes]:
    """The files that there are to be."""
    roots = targets(publish)

    def place(name: str) -> Path:
        folder, _, path = name.partition("/")
        return roots[folder] / path

    return {place(name): data for name, data in flow_code.content(publish).items()}


def summary(written: int, removed: int) -> str:
    """`changed: 2 written, 1 removed`"""
    parts = [f"{count} {word}" for count, word in ((written, "written"), (removed, "removed")) if count]
    return f"changed: {', '.join(parts)}" if parts else LEFT


def write(target: Path, data: bytes) -> bool:
    """Whether the target had to be written: an importing worker sees the old file or the new one, never a half."""
    if target.is_file() and target.read_bytes() == data:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(target)
    return True


def prune(target: Path, wanted: Mapping[Path, bytes]) -> int:
    """Remove the files that are not wanted, and the folders that this leaves; says how many files."""
    gone = [path for name in flow_code.files(target) if (path := target / name) not in wanted]
    for path in gone:
        path.unlink()
    remove_folders(target, {parent for path in wanted for parent in path.parents})
    return len(gone)


def remove_folders(target: Path, kept: Collection[Path]) -> None:
    for folder in sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True):
        if folder.name != CACHE and folder not in kept:
            shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """Publish without a server; gives the exit status."""
    if len(arguments) < 2:
        print("usage: python -m registrar.publish SOURCE TARGET [BESIDE ...]", file=sys.stderr)
        return 2
    source, target, *beside = arguments
    publish = Publish(source=source, target=target, beside=beside)
    try:
        raise_all(check(publish))
        print(f"{publish.target}: {apply(publish).state}")
    except RegistrarError as fault:
        print("\n".join(fault.lines), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
