"""Flow code, copied to where the workers read it: `python -m registrar.publish SOURCE TARGET`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from registrar.errors import RegistrarError, raise_all
from registrar.outcome import LEFT, Outcome
from registrar.registration import Publish

CACHE = "__pycache__"


def check(publish: Publish) -> Iterator[str]:
    """What is wrong with the two folders."""
    source, target = Path(publish.source).resolve(), Path(publish.target).resolve()
    if not source.is_dir():
        yield f"publish.source: {publish.source}: no such folder"
    if target.is_relative_to(source) or source.is_relative_to(target):
        yield f"publish.target: {publish.target}: lies in the source or around it; name a folder apart from it"


def apply(publish: Publish) -> Outcome:
    """Make the target hold what the source holds. A file is replaced in one step, and only where it differs."""
    source, target = Path(publish.source), Path(publish.target)
    try:
        removed = prune(source, target)
        written = [copy(source / name, target / name) for name in files(source)]
    except OSError as error:
        raise RegistrarError(
            f"publish: {error.filename}: {error.strerror}; the registrar's user must own {target}"
        ) from None
    return Outcome("flow code", str(target), summary(sum(written), removed))


def summary(written: int, removed: int) -> str:
    """`changed: 2 written, 1 removed`"""
    parts = [f"{count} {word}" for count, word in ((written, "written"), (removed, "removed")) if count]
    return f"changed: {', '.join(parts)}" if parts else LEFT


def files(folder: Path) -> list[Path]:
    """The files below a folder, relative to it, without what Python caches."""
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in found if CACHE not in path.parts]


def copy(source: Path, target: Path) -> bool:
    """Whether the target had to be written: an importing worker sees the old file or the new one, never a half."""
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, part)
    part.replace(target)
    return True


def prune(source: Path, target: Path) -> int:
    """Remove the files that the source no longer has, and the folders that this leaves; says how many files."""
    gone = [name for name in files(target) if not (source / name).is_file()]
    for name in gone:
        (target / name).unlink()
    for folder in sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True):
        if folder.name != CACHE and not (source / folder.relative_to(target)).is_dir():
            shutil.rmtree(folder)
    return len(gone)


def main(arguments: list[str]) -> int:
    """Publish without a server; gives the exit status."""
    if len(arguments) != 2:
        print("usage: python -m registrar.publish SOURCE TARGET", file=sys.stderr)
        return 2
    publish = Publish(source=arguments[0], target=arguments[1])
    try:
        raise_all(check(publish))
        print(f"{publish.target}: {apply(publish).state}")
    except RegistrarError as fault:
        print("\n".join(fault.lines), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
