"""The files of a bundle: the site as it is rendered, in a copy of this repository with all that `make up` needs."""

from pathlib import Path, PurePosixPath

from stack import engine
from stack.components import ALL
from stack.files import File
from stack.settings import Settings
from stack.site import IMAGES, RECORD, REPO, Site, copies

# What `make up` is made of, and what there is to read about it; no test, and nothing of another site in this folder.
TOOL = (
    *("render.py", "Makefile", "requirements.txt", "stack", "templates", IMAGES),
    *("README.md", "CHANGELOG.md", "LICENSE", "docs", ".env.example", "schedules.example.yml"),
)
OVERRIDE = "compose.override.yaml"
# Settings that name a file of this machine.
FILES = ("EXTRA_CA_BUNDLE", "REGISTRY_CERTIFICATE", "REGISTRY_KEY", "REGISTRY_CA")

# What `load` is made of, which runs where no package is.
LOADER_MODULES = (
    *("__init__", "cli", "engine", "errors", "lock"),
    *("bundle_format", "bundle_load", "bundle_read", "bundle_stream"),
)


def tree(site: Site) -> list[File]:
    """All files, by their paths in a site that is rendered beside its `render.py`, which is what a loaded one is.

    Without the record of what was rendered: it belongs to the folder that the site was rendered into. That it runs in
    containers is recorded, so that there is no site of processes where the engine is down.
    """
    env, *rest = site.plan
    rendered = [File(".env", env.content, env.mode), *(file for file in rest if file.path != RECORD)]
    state = File(engine.RECORD.as_posix(), f"{engine.CONTAINERS}\n".encode())
    files = [*copies(_sources(), REPO), *copies(_users(site), site.root), *_schedules(site), *rendered, state]
    return list({file.path: file for file in files}.values())


def left_out(site: Site) -> list[str]:
    """What the settings name and the bundle cannot hold, since it lies elsewhere: lines for the user."""
    named = {key: getattr(site.settings, key) for key in FILES} | _schedules_elsewhere(site.settings)
    return [
        f"{key}={path}: not in the bundle; the other machine needs that file at the same path"
        for key, path in named.items()
        if path
    ]


def _sources() -> list[str]:
    pages = {f"{path.parent.name}/{path.name}" for each in ALL for path in (REPO / each.folder).glob("*.md")}
    return sorted({*TOOL, *pages, *(source for each in ALL for source in each.sources)})


def _users(site: Site) -> list[str]:
    """What users put into the site's own folder: flows, deployments, overrides."""
    mine = {source for each in site.components for source in each.sources}
    mine |= {f"{each.folder}/{OVERRIDE}" for each in site.components}
    return sorted(path for path in mine if (site.root / path).exists())


def _schedules(site: Site) -> list[File]:
    """The file of the schedules, from beside the site's .env."""
    path, folder = site.settings.CLIENT_SCHEDULES, (site.root / site.plan[0].path).parent
    if _schedules_elsewhere(site.settings) or not (folder / path).exists():
        return []
    return copies([path], folder)


def _schedules_elsewhere(settings: Settings) -> dict[str, str]:
    path = PurePosixPath(settings.CLIENT_SCHEDULES)
    return {"CLIENT_SCHEDULES": str(path)} if path.is_absolute() or ".." in path.parts else {}


def loader() -> list[File]:
    """`python3 load FILE`: a folder that Python runs, with the part of this package that needs no other."""
    modules = [REPO / "stack" / f"{name}.py" for name in LOADER_MODULES]
    return [
        File("__main__.py", (Path(__file__).parent / "bundle_main.py").read_bytes()),
        *(File(f"stack/{path.name}", path.read_bytes()) for path in modules),
    ]
