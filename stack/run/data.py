"""Whether a component can read the data on its volumes, asked before it starts: after that it only restarts."""

from stack.components.component import Component, Data
from stack.core.docker import docker
from stack.core.errors import SiteError
from stack.run import compose
from stack.site import Site


def check(site: Site, component: Component) -> None:
    """Raises SiteError with a line for each volume that holds data of another version. A new volume holds nothing."""
    stored = component.data(site.settings)
    project = component.project(site.settings.SITE)
    if faults := [fault for data in stored if (fault := _fault(site, component, data, f"{project}_{data.volume}"))]:
        raise SiteError(*faults)


def _fault(site: Site, component: Component, data: Data, volume: str) -> str:
    """Asks the image that Compose would start, which may be one of the user's override. What cannot be asked, because
    the image is missing for example, is left to Compose."""
    if not docker("volume", "inspect", volume).worked:
        return ""
    image = compose.call(site.root, component, "config", "--images", data.service).output.strip()
    labels = [f"--label={name}={value}" for name, value in site.settings.SITE_LABELS.items()]
    isolated = ("--rm", "--network=none", "--pull=never", "--user=0", "--entrypoint=sh", f"--volume={volume}:/data:ro")
    found = docker("run", *isolated, *labels, image, "-c", data.script).output.strip() if image else ""
    return f"{component.name}: the volume {volume} {found}; {data.advice.format(volume=volume)}" if found else ""
