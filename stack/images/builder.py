"""Makes the images that an engine lacks."""

import fcntl
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stack.core.errors import SiteError
from stack.images import base, debian, engine, proxies
from stack.images.context import Context, context
from stack.images.recipe import DEBIAN, Recipe
from stack.images.secrets import secrets

LOGS = Path(".cache") / "images"
TAIL_LINES = 5

_STEP = re.compile(r"^#\d+ \[(\S+ +\d+/\d+)\] RUN ")
_ERROR = re.compile(r"^(#\d+) ERROR: (.+)$")


class Builder:
    """A pass over the images of a site. `way` is how the next image is made: `pull`, or `build` once a pull failed."""

    def __init__(
        self, mode: str, ca_bundle: Path | None, labels: Mapping[str, str], report: Callable[[str], None]
    ) -> None:
        self.mode = mode
        self.way = "build" if mode == "build" else "pull"
        self.ca_bundle = ca_bundle
        self.labels = labels
        self.report = report
        self.present: dict[str, str] = {}

    def make(self, recipes: Sequence[Recipe]) -> None:
        """Makes missing images, parents first; asks the engine once if nothing is missing. Raises SiteError."""
        if not self._lacking(recipes):
            return
        with _alone(recipes[0].root), secrets(self.ca_bundle) as files:
            for recipe in self._lacking(recipes):  # another process may have made them meanwhile
                self._make_one(recipe, files)

    def _lacking(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        self.present = engine.origins(_lineage(recipes))
        return lacking(recipes, self.present, self.mode)

    def _make_one(self, recipe: Recipe, files: Mapping[str, Path]) -> None:
        if self.way == "pull" and recipe.base:
            self._pull(recipe)
        if self.way == "pull" and recipe.base:  # a pull that failed has changed the way
            base.check(recipe.name, recipe.base, self.labels)
        if self.way == "build":
            self._make_debian(recipe)
        with _announced(recipe, self.report):
            self._build(recipe, files)

    def _pull(self, recipe: Recipe) -> None:
        if engine.has(recipe.base):
            return
        self.report(f"image {recipe.name}: pulling {recipe.base}")
        reason = engine.pull(recipe.base, _log(recipe))
        if reason and self.mode == "pull":
            raise SiteError(
                f"image {recipe.name}: {recipe.base} cannot be pulled ({reason}); correct that, "
                "or write BASE_IMAGES=build to make it from distribution packages"
            )
        if reason:
            self.report(f"images: {recipe.base} cannot be pulled ({reason}); building from distribution packages")
            self.way = "build"

    def _make_debian(self, recipe: Recipe) -> None:
        for parent in recipe.parents:
            if parent.name == DEBIAN and parent.reference not in self.present:
                with _announced(parent, self.report):
                    made = debian.make(parent, self.labels, _log(parent), self.report)
                    _check(made, parent)
                self.present[parent.reference] = "build"

    def _build(self, recipe: Recipe, files: Mapping[str, Path]) -> None:
        def report_step(line: str) -> None:
            if step := _STEP.match(line):
                self.report(f"image {recipe.name}: step {' '.join(step[1].split())}")

        with context(recipe, recipe.root / LOGS) as copies:
            command = self._command(recipe, files, copies)
            status = engine.run(command, _log(recipe), report_step, env=engine.builder())
        _check(status == 0, recipe)

    def _command(self, recipe: Recipe, files: Mapping[str, Path], copies: Context) -> list[str]:
        """On the host's network: builds can then use a proxy or a name server that only this machine reaches."""
        arguments = [f"WAY={self.way}", *([f"BASE_IMAGE={recipe.base}"] if recipe.base else [])]
        arguments += [f"{parent.name.upper().replace('-', '_')}_IMAGE={parent.reference}" for parent in recipe.parents]
        arguments += proxies.arguments()
        return [
            *("docker", "build", "--progress=plain", "--network=host"),
            *(f"--target={self.way}", f"--tag={recipe.reference}"),
            *(f"--build-arg={argument}" for argument in arguments),
            *(f"--secret=id={name},src={path}" for name, path in files.items()),
            *(f"--label={name}={value}" for name, value in self.labels.items()),
            *([f"--build-context=flows={copies.flows}"] if recipe.flows else []),
            str(copies.folder),
        ]


def lacking(recipes: Sequence[Recipe], present: Mapping[str, str], mode: str) -> list[Recipe]:
    """The images to make, parents first: those that do not exist, or were made another way than `mode` demands.

    `present` maps references to origins. A parent is checked only if its child must be made; builds check the base
    that only they need.
    """
    found: dict[str, Recipe] = {}
    for recipe in recipes:
        origin = present.get(recipe.reference)
        if recipe.name != DEBIAN and (origin is None or mode not in ("auto", origin)):
            found |= {each.reference: each for each in (*lacking(recipe.parents, present, mode), recipe)}
    return list(found.values())


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Two at once would disturb each other: at apt's lock, in the logs, with the same image twice."""
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    with (root / LOGS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _announced(recipe: Recipe, report: Callable[[str], None]) -> Iterator[None]:
    """Reports when the making of an image begins and, unless it failed, when it ends."""
    title = f"image {recipe.name} {recipe.version}"
    report(f"{title}: making it")
    begun = time.monotonic()
    yield
    report(f"{title}: ready after {time.monotonic() - begun:.0f} s")


def _lineage(recipes: Sequence[Recipe]) -> list[str]:
    """The names of images and of all their parents."""
    names = [name for recipe in recipes for name in (recipe.reference, *_lineage(recipe.parents))]
    return list(dict.fromkeys(names))


def _log(recipe: Recipe) -> Path:
    return recipe.root / LOGS / f"{recipe.name}.log"


def _check(worked: bool, recipe: Recipe) -> None:
    if not worked:
        log = _log(recipe)
        lines = log.read_text(errors="replace").splitlines()
        raise SiteError(f"image {recipe.name}: making it failed; the whole log: {log}", *relevant(lines))


def relevant(lines: Sequence[str]) -> list[str]:
    """The last lines of the step that failed, or its error if it printed nothing; the last lines of a log without
    steps."""
    failed = [match for match in map(_ERROR.match, lines) if match]
    if not failed:
        return [line for line in lines if line.strip()][-TAIL_LINES:]
    number, reason = failed[-1].groups()
    output = [line.split(" ", 2)[2] for line in lines if re.match(rf"{number} \d+\.\d+ \S", line)]
    return output[-TAIL_LINES:] or [reason]
