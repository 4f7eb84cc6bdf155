"""Where flow code and results are kept: on a volume, in a bucket, or the code in the image of its job."""

from collections.abc import Iterator

from stack.components.component import STORAGE, chosen
from stack.components.settings import Settings
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine, Port
from stack.core.urls import local_url

PORT_INSIDE = 8333
# The block that results go to, of the type that fits.
BLOCK = "flow-storage"
BLOCK_TYPES = {"volume": "local-file-system", "image": "local-file-system", "s3": "s3-bucket"}
# The login of the bucket, and how blocks and pull steps refer to it.
CREDENTIALS_TYPE, CREDENTIALS = "aws-credentials", "site-storage"
CREDENTIALS_REFERENCE = f"{{{{ prefect.blocks.{CREDENTIALS_TYPE}.{CREDENTIALS} }}}}"
# By this a run knows which version of the flow code in the bucket is its own; the registrar says which is the newest.
CODE_VERSION = "SITE_FLOWS_VERSION"
# Where containers have the name of Prefect's plugin for S3 (images/prefect/Dockerfile).
PLUGIN = "/opt/prefect-aws"


def is_bucket(site: Settings) -> bool:
    return site.CLIENT_STORAGE == "s3"


def is_here(site: Settings) -> bool:
    return STORAGE in chosen(site.COMPONENTS)


def url(site: Settings) -> str:
    """The S3 server as containers reach it: its name has a dot, for resolvers that pass on no other."""
    return site.STORAGE_S3_URL or f"http://storage.{site.SITE}:{PORT_INSIDE}"


def block_type(site: Settings) -> str:
    return BLOCK_TYPES[site.CLIENT_STORAGE]


def run_environment(site: Settings) -> dict[str, str]:
    """What every run has in its environment, so that a flow which names no storage leaves its results there."""
    return {"PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": f"{block_type(site)}/{BLOCK}"}


def python_path(site: Settings, code: str) -> str:
    """PYTHONPATH of what runs flows in containers: the code, and the plugin where there is a bucket."""
    return f"{code}:{PLUGIN}" if is_bucket(site) else code


def code_environment(site: Settings) -> dict[str, str]:
    """What a deployment's runs have in their environment besides: the version that the registrar fills in."""
    return {CODE_VERSION: f"{{{{ ${CODE_VERSION} }}}}"} if is_bucket(site) else {}


def url_here(site: Settings) -> str:
    """The S3 server as this machine reaches it; containers on it use another address."""
    return site.STORAGE_S3_URL or local_url(site.STORAGE_BIND, site.STORAGE_PORT)


def ports(site: Settings, machine: Machine) -> Iterator[Port]:
    if is_here(site):
        # Any answer counts: what an S3 server says to a stranger differs from one to the next.
        user = "an S3 server" if machine.get(url_here(site)) else ""
        yield Port("STORAGE_PORT", site.STORAGE_BIND, site.STORAGE_PORT, user)


def findings(site: Settings, machine: Machine) -> Iterator[Finding]:
    if not (is_bucket(site) or is_here(site)):
        return
    url = url_here(site)
    if machine.get(url):
        yield Finding(OK, f"the S3 server answers at {url}")
    elif is_here(site):
        yield Finding(NOTE, f"no S3 server answers at {url}", "start it with `make up`")
    else:
        yield Finding(FAIL, f"no S3 server answers at {url}", "check STORAGE_S3_URL, the network, and that it runs")
