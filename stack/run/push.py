"""The job images of a site, brought into its registry."""

import time
from collections.abc import Callable

from stack.components import registry
from stack.components.all import docker_workers
from stack.core.errors import SiteError
from stack.images.site_images import job_images, local_job_images
from stack.run import trust
from stack.run.registry_login import Docker, failure, last_line, logged_in, mend
from stack.site import Site


def names(site: Site) -> list[str]:
    """The job images of this machine's workers; none where none of them makes containers."""
    runs_jobs = any(component.name in docker_workers(site.settings) for component in site.components)
    return list(local_job_images(site.settings)) if runs_jobs else []


def absent(site: Site, docker: Docker) -> list[str]:
    """Those of them that the registry lacks."""
    found = job_images(site.settings)
    return [name for name in names(site) if not _is_there(site, docker, found[name])]


def push(site: Site, report: Callable[[str], None]) -> None:
    """Pushes what the registry lacks: a name stands for one content, so what is there stays as it is.

    Nothing where the site has no registry, or where this machine may not use it yet, which `up` says. Raises SiteError
    where the registry refuses.
    """
    settings = site.settings
    if not registry.has_login(settings) or not names(site) or trust.lacks(site):
        return
    with logged_in(settings) as docker:
        if docker.refusal:
            raise SiteError(f"{failure(settings, docker.refusal)}; {mend(docker.refusal)}")
        for name in absent(site, docker):
            _push_one(site, docker, name, report)


def _push_one(site: Site, docker: Docker, name: str, report: Callable[[str], None]) -> None:
    local, remote = local_job_images(site.settings)[name], job_images(site.settings)[name]
    report(f"image {name}: pushing it to {registry.address(site.settings)}")
    begun = time.monotonic()
    for command in (("tag", local, remote), ("push", "--quiet", remote)):
        done = docker.run(*command)
        if done.returncode != 0:
            reason = last_line(done.stderr)
            raise SiteError(f"image {name}: {remote} cannot be pushed ({reason}); {mend(reason)}")
    report(f"image {name}: pushed after {time.monotonic() - begun:.0f} s")


def _is_there(site: Site, docker: Docker, image: str) -> bool:
    clear = [] if site.settings.REGISTRY_TLS else ["--insecure"]
    return docker.run("manifest", "inspect", *clear, image).returncode == 0
