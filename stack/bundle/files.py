"""The files of a bundle: the rendered site, in a copy of this repository with all that `make up` needs."""

from pathlib import PurePosixPath

from stack.components.all import ALL
from stack.components.component import OVERRIDE
from stack.core.files import File
from stack.core.repo import REPO
from stack.run import engine
from stack.site import IMAGES, RECORD, Site, copies

# What `make up` runs, and the pages about it; no tests, and nothing of another site in this folder.
TOOL = (
    *("render.py", "Makefile", "requirements.txt", "stack", "templates", IMAGES),
    *("README.md", "CHANGELOG.md", "LICENSE", "docs", ".env.example", "schedules.example.yml", "catalogue.example.yml"),
)
# Settings that name a file or a folder of this machine, and those that name a file from where .env is.
FILES = (
    *("EXTRA_CA_BUNDLE", "REGISTRY_CERTIFICATE", "REGISTRY_KEY", "REGISTRY_CA"),
    *("SLURM_SSH_KEY", "SLURM_KNOWN_HOSTS", "CONDA_EXE", "CONDA_ALGORITHMS"),
)
BESIDE = ("CLIENT_SCHEDULES", "PARENT_CATALOGUE")

# The modules of `load`, which runs on a machine without any package.
LOADER_MODULES = (
    *("__init__", "arguments", "cli", "core/__init__", "core/docker", "core/errors", "core/lock", "core/repo"),
    *("run/__init__", "run/engine"),
    *("bundle/__init__", "bundle/format", "bundle/load", "bundle/read", "bundle/stream"),
)


def tree(site: Site) -> list[File]:
    """All files, with their paths in a site beside its own `render.py`: a loaded site is one.

    The record of rendered files is left out: it belongs to the folder that the site was rendered into. The record that
    the site runs in containers is added, so that it does not start as processes while the engine is down.
    """
    env, *rest = site.plan
    rendered = [File(".env", env.content, env.mode), *(file for file in rest if file.path != RECORD)]
    state = File(engine.RECORD.as_posix(), f"{engine.CONTAINERS}\n".encode())
    files = [*copies(_sources(), REPO), *copies(_users(site), site.root), *_beside(site), *rendered, state]
    return list({file.path: file for file in files}.values())


def left_out(site: Site) -> list[str]:
    """Lines for the user about files that the settings name and the bundle cannot contain: they are elsewhere."""
    beside = {key: getattr(site.settings, key) for key in BESIDE}
    named = {key: getattr(site.settings, key) for key in FILES}
    named |= {key: path for key, path in beside.items() if _is_elsewhere(path)}
    return [
        f"{key}={path}: not in the bundle; the other machine needs it at the same path"
        for key, path in named.items()
        if path
    ]


def _sources() -> list[str]:
    pages = {f"{path.parent.name}/{path.name}" for each in ALL for path in (REPO / each.folder).glob("*.md")}
    return sorted({*TOOL, *pages, *(source for each in ALL for source in each.sources)})


def _users(site: Site) -> list[str]:
    """What users put into the site's folder: flows, deployments, overrides."""
    mine = {source for each in site.components for source in each.sources}
    mine |= {f"{each.folder}/{each.file(OVERRIDE)}" for each in site.components}
    return sorted(path for path in mine if (site.root / path).exists())


def _beside(site: Site) -> list[File]:
    """The files of schedules and algorithms, from beside the site's .env."""
    folder = (site.root / site.plan[0].path).parent
    paths = [getattr(site.settings, key) for key in BESIDE]
    return copies([path for path in paths if not _is_elsewhere(path) and (folder / path).exists()], folder)


def _is_elsewhere(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def loader() -> list[File]:
    """`python3 load FILE`: a folder that Python runs, with the modules that need no package."""
    modules = [f"stack/{name}.py" for name in LOADER_MODULES]
    return [
        File("__main__.py", (REPO / "stack" / "loader.py").read_bytes()),
        *(File(name, (REPO / name).read_bytes()) for name in modules),
    ]
