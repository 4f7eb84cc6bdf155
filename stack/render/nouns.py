"""What a template sees: one name per component and per noun, and `settings`."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from stack.components import all as components
from stack.components import heartbeats, pools
from stack.components.all import PARTS, SITE
from stack.components.component import Component, Part
from stack.components.dockerworkers import DockerWorkers
from stack.components.pools import Pool
from stack.images.site_images import Images, images
from stack.settings.settings import Settings

OF_ALL = (
    components.running,
    components.network_owner,
    components.volumes_owner,
    components.running_docker_workers,
    components.deployment_files,
    components.no_proxy,
)


class Noun:
    """A part of the site as templates see it: each of its functions is worked out when a template asks for it."""

    def __init__(self, part: Part, settings: Settings) -> None:
        self._settings = settings
        more = OF_ALL if part is SITE else ()
        self._seen: dict[str, Callable[[Settings], Any]] = {each.__name__: each for each in (*part.seen, *more)}
        if isinstance(part, Component):
            self.project = part.project(settings.SITE)

    def __getattr__(self, name: str) -> Any:
        if name not in self._seen:
            raise AttributeError(name)
        return self._seen[name](self._settings)


class Pools:
    """The pools of the workers that make containers, by the component's name."""

    def __init__(self, settings: Settings, made: Images) -> None:
        self._settings, self._images = settings, made

    def __getitem__(self, name: str) -> Pool:
        return self._all[name]

    @cached_property
    def _all(self) -> dict[str, Pool]:
        every = components.docker_workers(self._settings)
        return {name: self._pool(workers) for name, workers in every.items()}

    def _pool(self, workers: DockerWorkers) -> Pool:
        return pools.pool(workers, self._settings, self._images["flows"], self._images.jobs)


def nouns(settings: Settings) -> dict[str, Any]:
    """All nouns. A file also sees `header` and `mounted`, and the files that need them `schedules` and `catalogue`."""
    made = images(settings)
    parts = {part.noun: Noun(part, settings) for part in PARTS}
    return parts | {
        "settings": settings,
        "images": made,
        "pools": Pools(settings, made),
        "heartbeats": heartbeats,
    }
