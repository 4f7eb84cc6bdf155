"""What `render.py doctor` asks about the S3 server: does it answer?"""

import urllib.error
import urllib.request
from collections.abc import Iterator

from stack.components import storage
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.site import Site


def is_running(site: Site) -> bool:
    return answers(here(site))


def check(site: Site) -> Iterator[Finding]:
    if not (storage.is_bucket(site.settings) or storage.is_here(site.settings)):
        return
    url = here(site)
    if answers(url):
        yield Finding(OK, f"the S3 server answers at {url}")
    elif storage.is_here(site.settings):
        yield Finding(NOTE, f"no S3 server answers at {url}", "start it with `make up`")
    else:
        yield Finding(FAIL, f"no S3 server answers at {url}", "check STORAGE_S3_URL, the network, and that it runs")


def here(site: Site) -> str:
    """The S3 server as this machine, and not a container on it, reaches it."""
    return storage.url_here(site.settings)


def answers(url: str) -> bool:
    """Whether anything speaks HTTP there: what it says to a stranger differs from server to server."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
