"""What `render.py doctor` asks about the registry: is it found, trusted and open to the site's user."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime

from stack import engine, registry, trust
from stack.components import REGISTRY
from stack.finding import FAIL, NOTE, OK, Finding
from stack.site import Site

CERTIFICATE = "registry/secrets/tls.crt"
LOGIN_SECONDS = 30
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
        yield _login(site)


def _certificate(site: Site) -> Iterator[Finding]:
    """How long the certificate lasts that is served now."""
    from stack import certificates

    path = site.root / CERTIFICATE
    if not path.exists():
        return
    end = certificates.ends(path.read_bytes())
    days = (end - datetime.now(UTC)).days
    mend = "run `python render.py`, then `docker compose up -d` in registry/"
    if site.settings.REGISTRY_CERTIFICATE:
        mend = f"renew REGISTRY_CERTIFICATE; then {mend}"
    what = f"the registry's certificate ends on {end:%Y-%m-%d}"
    if days >= WARN_DAYS:
        yield Finding(OK, what)
    else:
        yield Finding(FAIL if days < 0 else NOTE, what, mend)


def _login(site: Site) -> Finding:
    """`docker login` by the engine of this machine; nothing of it is left in the user's configuration."""
    settings, address = site.settings, registry.address(site.settings)
    command = ["docker", "login", "--username", settings.REGISTRY_USER, "--password-stdin", address]
    with tempfile.TemporaryDirectory() as folder:
        # Another configuration would also mean another engine, for a user who has chosen one by `docker context`.
        environment = os.environ | {"DOCKER_HOST": _engine_address(), "DOCKER_CONFIG": folder}
        try:
            done = subprocess.run(
                command,
                input=settings.REGISTRY_PASSWORD,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LOGIN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Finding(FAIL, f"the engine got no answer from {address} within {LOGIN_SECONDS} s", _MENDS["refused"])
    if done.returncode == 0:
        return Finding(OK, f"the engine logs in to {address} as {settings.REGISTRY_USER}")
    reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
    mend = next((mend for sign, mend in _MENDS.items() if sign in reason), "mend that, then ask again")
    not_started = "refused" in reason and registry.is_here(site.settings)
    return Finding(NOTE if not_started else FAIL, f"the engine cannot log in to {address} ({reason})", mend)


# What Docker says -> what to do.
_MENDS = {
    "401": "REGISTRY_PASSWORD is not the registry's; after a change in .env, `docker compose up -d` in registry/",
    "refused": "start it with `make up`",
    "x509": f"run {trust.COMMAND}; if that has nothing to do, its engine is on another machine",
    "HTTP response to HTTPS": "REGISTRY_TLS=false: tell the engine that it may, as registry/README.md says",
}


def _engine_address() -> str:
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
