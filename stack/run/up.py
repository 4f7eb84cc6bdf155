"""`up` and `down`: the whole site in one command, each step safe to repeat."""

from pathlib import Path

from stack.components import registry
from stack.components.all import ALL, WORKERS
from stack.components.client import CLIENT, SAMPLES
from stack.components.component import Component
from stack.components.server import SERVER, ui_url
from stack.core.errors import SiteError
from stack.core.repo import REPO
from stack.images import flow_images
from stack.images import names as images
from stack.images.named import named
from stack.images.site_images import bases
from stack.render import profile
from stack.run import compose, data, engine, nested, processes, push, settled, strays, trust
from stack.run.engine import CONTAINERS
from stack.run.machine import ThisMachine
from stack.site import Site


def up(site: Site) -> int:
    kind = engine.choose(site.root, site.settings.SITE_RUNS_AS)
    print(f"site {site.settings.SITE} runs in {engine.description(site.root, kind, site.settings.SITE_RUNS_AS)}")
    prepare, start = (make_images, _up_containers) if kind == CONTAINERS else (processes.prepare, processes.up)
    if kind == CONTAINERS:
        _refuse_strays(site)
    prepare(site)
    # Before the first start: one that fails half-way has its data on this kind already.
    engine.record(site.root, kind)
    start(site)
    _say_where(site)
    return 0


def down(site: Site) -> int:
    """Stops everything of the site that runs here, even components that COMPONENTS no longer names; keeps data."""
    if engine.choose(site.root, site.settings.SITE_RUNS_AS) == CONTAINERS:
        for component in reversed(ALL):
            compose.down(component, site.settings.SITE)
            if component == WORKERS[0]:
                # No worker is left to watch them, and a container keeps the site's network from being removed.
                compose.remove_flow_containers(site.settings.SITE)
        _refuse_strays(site)
    else:
        processes.down(site)
    print(f"site {site.settings.SITE} is down; its data is kept, `make up` brings it back")
    return 0


def _refuse_strays(site: Site) -> None:
    with ThisMachine(site.root) as machine:
        if found := strays.faults(site.settings.SITE, machine):
            raise SiteError(*(f"{what}; {advice}" for what, advice in found))


def _up_containers(site: Site) -> None:
    kept = settled.unchanged(site)
    for component in site.components:
        if component != CLIENT:
            _start(site, component, is_kept=component in kept)
    # Before registration: a schedule may start a run at once.
    push.push(site, _say)
    if CLIENT in site.components:
        _register(site)
    _say_registry(site)


def _start(site: Site, component: Component, *, is_kept: bool) -> None:
    nested.prepare(site, component)  # always: an image can be missing in an engine that is healthy
    if is_kept:
        print(f"{component.name}: healthy, nothing to start", flush=True)
        return
    data.check(site, component)
    compose.up(site.root, component)
    settled.record(site, component)


def _register(site: Site) -> None:
    """Registration and the sample runs in one container, because each container spends seconds importing Prefect."""
    if not compose.run(site.root, CLIENT, {SAMPLES: " ".join(site.samples.values())}):
        raise SiteError("client: registration or a sample run failed; the reason is above")


def make_images(site: Site) -> None:
    """Makes the images that the site's files name, and its job images.

    A component may list more than these: not every variant of it uses all of them.
    """
    settings = site.settings
    used = set(named(site.plan))
    names = dict.fromkeys(name for each in site.components for name in each.images)
    mine = [name for name in names if images.reference(name, REPO, bases(settings)) in used]
    wanted = dict.fromkeys(mine + flow_images.pushed(site.settings))
    bundle = Path(settings.EXTRA_CA_BUNDLE) if settings.EXTRA_CA_BUNDLE else None
    labels = settings.SITE_LABELS
    images.ensure(wanted, site.root, settings.BASE_IMAGES, bundle, labels, report=_say, bases=bases(settings))


def _say(line: str) -> None:
    print(line, flush=True)


def _say_registry(site: Site) -> None:
    """Prints where the registry is, and what this machine's engine lacks before it can push and pull there."""
    address = registry.address(site.settings)
    if registry.is_here(site.settings):
        print(f"the registry is at {address}")
    if missing := trust.missing(site):
        why = ", and ".join(each.what for each in missing)
        advice = " and ".join(dict.fromkeys(each.advice for each in missing))
        print(f"this machine's engine cannot use {address} yet: {why}; {advice}")
        if left_out := flow_images.pushed(site.settings):
            print(f"image {' and '.join(left_out)}: not pushed; run `make up` again afterwards")


def _say_where(site: Site) -> None:
    _say_ui(site)
    if profile.is_made(site.settings):
        print(f"for `prefect` in this shell: {profile.command(site.root, site.settings)}")


def _say_ui(site: Site) -> None:
    if site.settings.PREFECT_API_URL:
        print(f"this machine works for {site.settings.PREFECT_API_URL}")
    if SERVER not in site.components:
        return
    print(f"the UI is at {ui_url(site.settings)}")
    if site.settings.SERVER_AUTH:
        print("log in with the user:password in PREFECT_API_AUTH_STRING of .env")
