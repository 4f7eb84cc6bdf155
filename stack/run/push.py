"""Pushes the job images of a site to its registry."""

import time
from collections.abc import Callable

from stack.components import registry
from stack.core.docker import LONG_SECONDS
from stack.core.errors import SiteError
from stack.core.machine import Login, Machine
from stack.images import flow_images
from stack.images.site_images import job_images, local_job_images
from stack.run.machine import ThisMachine
from stack.settings.settings import Settings
from stack.site import Site


def push(site: Site, report: Callable[[str], None]) -> None:
    """Pushes what the registry lacks. A name stands for one content, so an image that is there is left alone.

    Does nothing if the site has no registry, or if this machine may not use it yet, which `up` reports. Raises
    SiteError if the registry refuses.
    """
    with ThisMachine(site.root) as machine:
        if _is_possible(site.settings, machine):
            _push_all(site.settings, registry.log_in(site.settings, machine), report)


def _is_possible(settings: Settings, machine: Machine) -> bool:
    wanted = registry.has_login(settings) and flow_images.pushed(settings)
    return bool(wanted) and not any(registry.missing(settings, machine))


def _push_all(settings: Settings, login: Login, report: Callable[[str], None]) -> None:
    if login.refusal:
        finding = registry.login_finding(settings, login.refusal)
        raise SiteError(f"{finding.what}; {finding.advice}")
    for name in flow_images.absent(settings, login):
        report(f"image {name}: pushing it to {registry.address(settings)}")
        began = time.monotonic()
        _push_one(settings, login, name)
        report(f"image {name}: pushed after {time.monotonic() - began:.0f} s")


def _push_one(settings: Settings, login: Login, name: str) -> None:
    local, remote = local_job_images(settings)[name], job_images(settings)[name]
    for command in (("tag", local, remote), ("push", "--quiet", remote)):
        done = login.docker(*command, seconds=LONG_SECONDS)
        if not done.worked:
            advice = registry.advice(done.reason)
            raise SiteError(f"image {name}: {remote} cannot be pushed ({done.reason}); {advice}")
