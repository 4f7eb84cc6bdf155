"""Runs of today find flows that have moved: old runs the new code, new deployments the old code of a bucket."""

from pathlib import Path

from registrar import publish
from registrar.moved import MOVED, redirects
from registrar.registration import Publish

from tests.server.conftest import Folder
from tests.server.laboratory import start

OLD, NEW = next(iter(MOVED.items()))
FLOW = """
from {package}.words import WORDS
from prefect import flow


@flow
def moved():
    print(WORDS)
    return WORDS
"""


def code(root: Path, path: str, words: str) -> None:
    """A flow at this path with a module of its own beside it."""
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(FLOW.format(package=".".join(Path(path).parent.parts)))
    file.with_name("words.py").write_text(f"WORDS = {words!r}\n")


def register(folder: Folder, pool: str, directory: Path, entrypoint: str) -> None:
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(directory)}}
    entry = {"name": pool, "entrypoint": f"{entrypoint}:moved", "work_pool": {"name": pool}}
    folder.write("pool.json", folder.pool_template())
    pools = [{"name": pool, "type": "process", "base_job_template": "pool.json"}]
    folder.write("registration.yaml", {"owner": pool, "pools": pools, "deployments": ["prefect.yaml"]})
    folder.write("prefect.yaml", {"pull": [step], "deployments": [entry]})
    folder.states()


def test_a_run_from_before_the_move_completes(folder: Folder) -> None:
    """Its deployment names the old place, which the code that is published since then does not have by itself."""
    code(folder.path, OLD, "old code")
    register(folder, "before-the-move", folder.path / "srv", OLD)
    run = start(folder, "before-the-move")
    shelf = folder.path / "shelf"
    (shelf / "flows").mkdir(parents=True)
    code(shelf, NEW, "new code")
    publish.apply(Publish(source=str(shelf / "flows"), beside=["launchers"], target=str(folder.path / "srv" / "flows")))
    with folder.worker("before-the-move", "worker.log", PYTHONPATH=str(folder.path / "srv")):
        assert run.ends() == "Completed", run.log()


def test_an_old_version_of_the_code_completes_below_the_new_entry_point(folder: Folder) -> None:
    """As it is pulled from a bucket, while the volume on the path of the worker has the new code."""
    pulled, srv = folder.path / "pulled", folder.path / "srv"
    code(pulled, OLD, "old code")
    for path, data in redirects([OLD]).items():
        (pulled / path).parent.mkdir(parents=True)
        (pulled / path).write_bytes(data)
    code(srv, NEW, "new code")
    (folder.path / "launchers").symlink_to(srv / "launchers")
    register(folder, "an-old-version", pulled, NEW)
    run = start(folder, "an-old-version")
    with folder.worker("an-old-version", "worker.log", PYTHONPATH=str(srv)):
        assert run.ends() == "Completed", run.log()
    assert "old code" in (folder.path / "worker.log").read_text()
