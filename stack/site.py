"""A site: from `.env` to the files of its components, each step made from the result of the one before."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stack.check import jobs, schedules
from stack.check.schedules import Schedules
from stack.check.validate import validate
from stack.complete import complete
from stack.complete.authority import Authority
from stack.components import agent
from stack.components.agent import AGENT
from stack.components.all import ALL, SETTINGS, chosen, running_docker_workers
from stack.components.client import CLIENT
from stack.components.component import Component
from stack.components.processworkers import Deployment
from stack.core.errors import SiteError, all_of
from stack.core.files import MOUNTED_SECRET, PRIVATE, PUBLIC, SECRET_FOLDER, Change, File
from stack.core.repo import JOB_IMAGES, REPO
from stack.load import envfile
from stack.load.envfile import EnvFile
from stack.render import kubernetes, picture, profile, secret_files, templates
from stack.render.mounted import Mounted
from stack.render.nouns import nouns
from stack.settings import example
from stack.settings.settings import Settings
from stack.write import files, modes

IMAGES = "images"
SUPERVISOR = "supervisord.conf.j2"
PICTURE = "site.svg"
RECORD = ".site/rendered"
MAX_SHOWN = 3  # files in one line


@dataclass(frozen=True)
class Site:
    """A checked site: what would be written for it below `root`, and how that differs from what is there."""

    root: Path
    settings: Settings
    made: list[str]
    plan: list[File]
    changes: list[Change]
    schedules: Schedules

    @property
    def warnings(self) -> list[str]:
        """What Prefect will do otherwise than schedules.yml says."""
        return schedules.warnings(self.settings.beside(self.settings.CLIENT_SCHEDULES), self.schedules)

    @property
    def components(self) -> tuple[Component, ...]:
        return chosen(self.settings)

    @property
    def samples(self) -> dict[Component, str]:
        """The deployment that `up` runs once for each; the one of agent/ needs the pool for flows of any kind."""
        of_agent = "agent" in self.settings.AGENT_POOLS
        return {each: each.sample for each in self.components if each.sample and (of_agent or each != AGENT)}

    @property
    def leaving(self) -> tuple[Component, ...]:
        """Components that were taken out: their files are still here and will be removed."""
        gone = {change.path for change in self.changes if change.kind == "gone"}
        return tuple(component for component in ALL if component.compose_path in gone)


def load(env_path: Path, root: Path) -> Site:
    """Reads, checks, completes and renders in memory; nothing on disk changes. Raises SiteError with every fault."""
    root = Path(os.path.realpath(root))
    first = given(env_path, root)
    env, checked, made = complete.complete(first, validate(first))
    seen = nouns(checked)
    readers: tuple[Callable[[], Any], ...] = (lambda: _schedules(checked, seen), lambda: _catalogue(checked, seen))
    schedules_, catalogue = all_of(readers)
    seen |= {"schedules": schedules_, "catalogue": catalogue}
    plan = [_env_file(env, root), *_component_files(checked, root, seen), *_sources(checked, root)]
    plan = list(dict.fromkeys(plan))  # two components in one folder share files
    plan.append(_record(plan))
    mounted = {*_source_paths(checked), *JOB_IMAGES} if root == REPO else set()
    changes = [*files.compare(root, plan, _stale(root, plan)), *modes.compare(root, plan, mounted)]
    _spare_others(root, plan[0], changes)
    return Site(root, checked, made, plan, changes, schedules_)


def write(site: Site) -> None:
    """Writes what differs. `.env` is first in the plan, so that no secret is in use without being kept."""
    files.write(site.root, site.plan, site.changes)


def given(env_path: Path, root: Path) -> EnvFile:
    """The settings file as its user left it, or what a new site begins with."""
    return envfile.read(env_path) if envfile.exists(env_path) else _first(env_path, root)


def _first(env_path: Path, root: Path) -> EnvFile:
    """What a new site begins with. Not for one that is there: new secrets would lock its owner out of its database."""
    if (root / RECORD).exists():
        raise SiteError(
            f"{env_path}: there is no such file, and {root} holds a site; put its settings back, or name them with "
            f"--env, or remove {root / RECORD} to begin another site there"
        )
    return envfile.parse(env_path, example.env_example(SETTINGS.sections))


def _spare_others(root: Path, env: File, changes: list[Change]) -> None:
    """Refuses a folder in which files would be lost that no render has written."""
    lost = [change.path for change in changes if change.kind == "changed" and change.path != env.path]
    if lost and root != REPO and not (root / RECORD).exists():
        shown = ", ".join(lost[:MAX_SHOWN]) + (f" and {len(lost) - MAX_SHOWN} more" if lost[MAX_SHOWN:] else "")
        raise SiteError(
            f"{root}: {shown} would be lost, and no render wrote it; move it away, or take another --output"
        )


def _env_file(env: EnvFile, root: Path) -> File:
    return File(os.path.relpath(os.path.realpath(env.path), root), env.text.encode(), PRIVATE)


def _schedules(settings: Settings, seen: dict[str, Any]) -> Schedules:
    """What schedules.yml says, for the machine that registers deployments."""
    path = settings.beside(settings.CLIENT_SCHEDULES)
    if not CLIENT.is_in(settings) or not schedules.exists(path):
        return {}
    return schedules.load(path, [deployment.name for deployment in _deployments(settings, seen)])


def _deployments(settings: Settings, seen: dict[str, Any]) -> list[Deployment]:
    """Those that registration makes, of process pools and of pools of containers."""
    of_processes = [deployment for workers in agent.workers(settings) for deployment in workers.deployments]
    names = [workers.component.name for workers in running_docker_workers(settings)]
    return of_processes + [deployment for name in names for deployment in seen["pools"][name].deployments]


def _catalogue(settings: Settings, seen: dict[str, Any]) -> dict[str, Any]:
    """The algorithms that steps may name, for the machine whose workers run the parent flow."""
    if not AGENT.is_in(settings) or "parent" not in settings.AGENT_POOLS:
        return {}
    return jobs.catalogue(settings.beside(settings.PARENT_CATALOGUE), seen["images"].jobs)


def _component_files(settings: Settings, root: Path, seen: dict[str, Any]) -> list[File]:
    authority = Authority(root, settings.SITE)
    secrets = {each: secret_files.files(each, settings, root, authority) for each in chosen(settings)}
    files_ = [file for component in secrets for file in _rendered(component, secrets[component], seen)]
    of_processes = secret_files.of_processes(settings)
    text = templates.render(SUPERVISOR, seen | {"mounted": Mounted(of_processes)})
    supervisor = File(templates.target(SUPERVISOR), text.encode())
    shared = [*of_processes, *profile.files(settings), *secret_files.of_registry_clients(settings, authority)]
    values = kubernetes.files(settings, seen)
    return [*files_, supervisor, _picture(files_, settings), *values, *shared, *authority.files]


def _picture(rendered: list[File], settings: Settings) -> File:
    paths = {component.compose_path for component in chosen(settings)}
    return File(PICTURE, picture.picture({f.path: f.content.decode() for f in rendered if f.path in paths}).encode())


def _rendered(component: Component, secrets: list[File], seen: dict[str, Any]) -> list[File]:
    """Compose's file is the last: its containers carry a digest of the files that are mounted into them."""
    texts = {path: templates.render(f"{path}{templates.SUFFIX}", seen) for path in component.rendered}
    # A template with empty output makes no file: its part of the component is not selected.
    read = [_file(path, text) for path, text in texts.items() if text.strip()] + secrets
    text = templates.render(f"{component.compose_path}{templates.SUFFIX}", seen | {"mounted": Mounted(read)})
    return [*read, File(component.compose_path, text.encode())]


def _file(path: str, text: str) -> File:
    return File(path, text.encode(), MOUNTED_SECRET if SECRET_FOLDER in PurePosixPath(path).parts else PUBLIC)


def _record(plan: list[File]) -> File:
    """The list of what is written, by which a later render knows what it leaves behind; `.env` is the user's own."""
    return File(RECORD, "".join(f"{file.path}\n" for file in plan[1:]).encode())


def _stale(root: Path, plan: list[File]) -> list[str]:
    """Files that an earlier render wrote and this one does not: of a component or a variant that was taken out."""
    record = root / RECORD
    written = record.read_text(encoding="utf-8", errors="replace").splitlines() if record.is_file() else []
    return sorted(path for path in set(written) - {file.path for file in plan} if _is_below_root(PurePosixPath(path)))


def _is_below_root(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _sources(settings: Settings, root: Path) -> list[File]:
    """Copies of what the rendered files read from this repo, for a site in another folder."""
    if root == REPO:
        return []
    sources = _source_paths(settings)
    for source in sorted(sources):
        if root.is_relative_to(REPO / source):
            raise SiteError(f"{root}: is inside {source}/, which a site copies; choose another --output")
    return copies(sources, REPO)


def _source_paths(settings: Settings) -> set[str]:
    """What the rendered files read from this repo."""
    of_components = {source for component in chosen(settings) for source in component.sources}
    return {IMAGES} | of_components | set(agent.sources(settings))


def copies(sources: Iterable[str], base: Path) -> list[File]:
    """The files below paths of a folder, with their paths in another folder."""
    return [_copy(path, base) for source in sorted(sources) for path in _files_below(base / source)]


def _files_below(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _copy(path: Path, base: Path) -> File:
    mode = PUBLIC | (path.stat().st_mode & 0o111)
    return File(path.relative_to(base).as_posix(), path.read_bytes(), mode)
