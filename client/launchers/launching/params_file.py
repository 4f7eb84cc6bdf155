"""The parameters file of a launch, in the work directory that the flow shares with the engine's machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity, identity_of


@contextmanager
def params_file(work_dir: str, run: RunIdentity, content: Mapping[str, object]) -> Iterator[str]:
    """The path of the file with `content`, which exists inside the `with` block.

    It has its own directory with mode 0700, so no other user of the machine can reach it. The launched container gets
    only the file, and can read it as whichever user its image has.
    """
    directory = Path(work_dir, run.name)
    try:
        _write(directory / "params.yaml", yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True))
        yield str(directory / "params.yaml")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def remove_params_files(work_dir: str, flow_run_id: str) -> None:
    """Removes what ended attempts of this flow run left in the work directory."""
    for directory, run in params_directories(work_dir):
        if run.flow_run_id == flow_run_id:
            shutil.rmtree(directory, ignore_errors=True)


def params_directories(work_dir: str) -> list[tuple[Path, RunIdentity]]:
    """The directories that launches made in the work directory, each with its run; none where that is not there.

    No launch made a link or a file of such a name.
    """
    root = Path(work_dir)
    named = [(path, identity_of(path.name)) for path in sorted(root.iterdir())] if root.is_dir() else []
    return [(path, run) for path, run in named if run is not None and not path.is_symlink() and path.is_dir()]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    except OSError as error:
        raise LaunchError(
            f"the parameters file {path} cannot be written ({error.strerror}): "
            "make the work directory (SITE_WORK_DIR) writable for this user"
        ) from None
