"""The server: what `doctor` asks of it, here or on another machine."""

import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from stack.components.component import SERVER, chosen
from stack.components.settings import Settings
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine, Port, Response
from stack.core.urls import local_url

MAX_CLOCK_SECONDS = 5


def is_here(site: Settings) -> bool:
    return SERVER in chosen(site.COMPONENTS)


def url_here(site: Settings) -> str:
    """The API as this machine reaches it; containers on it use another address."""
    return site.PREFECT_API_URL or f"{local_url(site.SERVER_BIND, site.SERVER_PORT)}/api"


def ports(site: Settings, machine: Machine) -> Iterator[Port]:
    if is_here(site):
        user = "a Prefect API" if _health(site, machine) else ""
        yield Port("SERVER_PORT", site.SERVER_BIND, site.SERVER_PORT, user)


def findings(site: Settings, machine: Machine) -> Iterator[Finding]:
    """Whether the API answers to the components of this machine, and is right for them."""
    if not any(component.calls_api for component in chosen(site.COMPONENTS)):
        return
    answer = _health(site, machine)
    if answer is None:
        yield _no_api(site)
        return
    yield Finding(OK, f"the API answers at {url_here(site)}")
    yield from _clock(answer)
    yield _version(site, machine)


def _health(site: Settings, machine: Machine) -> Response | None:
    answer = machine.get(f"{url_here(site)}/health")
    return answer if answer and answer.worked else None


def _no_api(site: Settings) -> Finding:
    what = f"no API answers at {url_here(site)}"
    if is_here(site):
        return Finding(NOTE, what, "start it with `make up`")
    return Finding(FAIL, what, "check PREFECT_API_URL, the network, and that the server runs")


def _clock(answer: Response) -> Iterator[Finding]:
    if not answer.date:
        return
    difference = abs(parsedate_to_datetime(answer.date).timestamp() - time.time())
    if difference <= MAX_CLOCK_SECONDS:
        yield Finding(OK, "this clock agrees with the server's")
        return
    yield Finding(
        FAIL,
        f"this clock and the server's differ by {difference:.0f} s",
        "set both by NTP: schedules and the detection of late runs depend on the clock",
    )


def _version(site: Settings, machine: Machine) -> Finding:
    answer = machine.get(f"{url_here(site)}/admin/version", site.PREFECT_API_AUTH_STRING)
    if answer is None or not answer.worked:
        return Finding(
            FAIL,
            "the API refuses the login of PREFECT_API_AUTH_STRING",
            "copy the server's; after a change there, `docker compose up -d` in server/",
        )
    version, wanted = answer.body.strip().strip('"'), site.PREFECT_VERSION
    if _numbers(version) < _numbers(wanted):
        return Finding(
            FAIL,
            f"the server is Prefect {version}, older than this site's {wanted}",
            "update the server first: an older one refuses newer clients",
        )
    return Finding(OK, f"the server is Prefect {version}, this site {wanted}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
