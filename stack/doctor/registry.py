"""What `render.py doctor` asks about the registry: is it found, trusted and open to the site's user."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

from stack.components import registry
from stack.components.registry import REGISTRY
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.run import engine, push, trust
from stack.run.registry_login import failure, logged_in, mend
from stack.site import Site

CERTIFICATE = "registry/secrets/tls.crt"
WARN_DAYS = 21  # below the 30 at which ACME clients renew a certificate of the site's own


def is_running(site: Site) -> bool:
    project = f"label=com.docker.compose.project={REGISTRY.project(site.settings.SITE)}"
    command = ["docker", "ps", "--quiet", "--filter", project, "--filter", "status=running"]
    return engine.unusable() is None and bool(subprocess.run(command, capture_output=True, check=False).stdout)


def check(site: Site) -> Iterator[Finding]:
    if not registry.is_used(site.settings):
        return
    yield from _certificate(site)
    missing = trust.lacks(site)
    yield from (Finding(FAIL, lack.what, lack.advice) for lack in missing)
    if not missing and site.settings.REGISTRY_PASSWORD and engine.unusable() is None:
        yield from _login(site)


def _certificate(site: Site) -> Iterator[Finding]:
    """How long the certificate lasts that is served now."""
    from stack.load import pem

    path = site.root / CERTIFICATE
    if not path.exists():
        return
    end = pem.ends(path.read_bytes())
    days = (end - datetime.now(UTC)).days
    mend = "run `python render.py`, then `docker compose up -d` in registry/"
    if site.settings.REGISTRY_CERTIFICATE:
        mend = f"renew REGISTRY_CERTIFICATE; then {mend}"
    what = f"the registry's certificate ends on {end:%Y-%m-%d}"
    if days >= WARN_DAYS:
        yield Finding(OK, what)
    else:
        yield Finding(FAIL if days < 0 else NOTE, what, mend)


def _login(site: Site) -> Iterator[Finding]:
    """`docker login` by the engine of this machine, and whether the images are there that flows ask for."""
    settings, address = site.settings, registry.address(site.settings)
    with logged_in(settings) as docker:
        if not docker.refusal:
            yield Finding(OK, f"the engine logs in to {address} as {settings.REGISTRY_USER}")
            if missing := push.absent(site, docker):
                yield Finding(NOTE, f"not in the registry yet: image {' and '.join(missing)}", "`make up` pushes it")
            return
    not_started = "refused" in docker.refusal and registry.is_here(settings)
    yield Finding(NOTE if not_started else FAIL, failure(settings, docker.refusal), mend(docker.refusal))
