"""The images of a site, by name: those that its services run in, and those that jobs run in."""

from dataclasses import dataclass

from stack.components import registry
from stack.components.all import ALL
from stack.core.repo import REPO
from stack.images import names
from stack.settings.settings import Settings

SERVICES = tuple(dict.fromkeys(name for component in ALL for name in component.images))


@dataclass(frozen=True)
class Images:
    """Full names by short ones. `site` are those of services, `jobs` what flows call the images that jobs run in."""

    site: dict[str, str]
    jobs: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.site[name]


def images(settings: Settings) -> Images:
    return Images(_images(settings), job_images(settings))


def _images(settings: Settings) -> dict[str, str]:
    references = names.references(SERVICES, REPO, bases(settings))
    return references | ({"flows": settings.AGENT_IMAGE} if settings.AGENT_IMAGE else {})


def bases(settings: Settings) -> dict[str, str]:
    """The public image that each image begins with when pulled."""
    return {
        "prefect": settings.BASE_IMAGE_PYTHON,
        "postgres": settings.BASE_IMAGE_POSTGRES,
        "redis": settings.BASE_IMAGE_REDIS,
        "registry": settings.BASE_IMAGE_REGISTRY,
        "storage": settings.BASE_IMAGE_STORAGE,
    }


def local_job_images(settings: Settings) -> dict[str, str]:
    """What the images that jobs run in are called on the engine that made them."""
    return names.references(names.jobs(REPO), REPO, bases(settings))


def job_images(settings: Settings) -> dict[str, str]:
    """What flows call them: by the name in the site's registry, where it has one."""
    local = local_job_images(settings)
    used = registry.is_used(settings)
    return {name: registry.name_of(settings, image) if used else image for name, image in local.items()}
