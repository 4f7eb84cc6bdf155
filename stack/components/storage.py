"""storage/: an S3 server, and the storage of flow code and results: a volume, a bucket, or images."""

from collections.abc import Iterator
from typing import Annotated, Any

from stack.components.component import PASSWORD, Component, Secrets
from stack.components.site import HOME
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine
from stack.core.url import callable_here, http
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, reads, setting

PORT_INSIDE = 8333
# The block to which results go; its type follows from CLIENT_STORAGE.
BLOCK = "flow-storage"
BLOCK_TYPES = {"volume": "local-file-system", "image": "local-file-system", "s3": "s3-bucket"}
# The block with the login of the bucket, and how blocks and pull steps refer to it.
CREDENTIALS_TYPE, CREDENTIALS = "aws-credentials", "site-storage"
CREDENTIALS_REFERENCE = f"{{{{ prefect.blocks.{CREDENTIALS_TYPE}.{CREDENTIALS} }}}}"
# The variable with a run's version of the flow code in the bucket; the registrar fills in the newest.
CODE_VERSION = "SITE_FLOWS_VERSION"
# The folder of Prefect's plugin for S3 in containers (images/prefect/Dockerfile).
PLUGIN = "/opt/prefect-aws"


class StorageSettings(Section):
    """storage/: the S3 server, or your own, for CLIENT_STORAGE=s3"""

    STORAGE_S3_URL: values.S3Url = setting(
        "",
        "URL, as containers reach it, of an S3 server outside this machine's components. Empty: the component storage.",
        "https://s3.eu-central-1.amazonaws.com",
        optional=True,
    )
    STORAGE_REGION: values.Region = setting(
        "us-east-1", "Region of the bucket; most servers other than Amazon's ignore it.", "eu-central-1"
    )
    STORAGE_BUCKET: values.Bucket = setting(
        "prefect", "Bucket for flow code and results; registration creates it if it does not exist.", "als-prefect"
    )
    STORAGE_ACCESS_KEY: values.S3Key = setting("prefect", "Access key: the user's name.", "prefect")
    STORAGE_SECRET_KEY: values.S3Key = setting(
        "",
        "Secret key of that user. Empty: render generates one. For your own server, copy its key.",
        "any-letters-and-digits/+=_.-",
        secret=True,
    )
    STORAGE_VERSIONS: Annotated[int, values.whole_number(1, 1000, "this")] = setting(
        10, "How many versions of the flow code registration keeps in the bucket, including the current one.", "10"
    )
    STORAGE_BIND: values.BindAddress = setting(
        "127.0.0.1", "Address of this machine on which the component storage listens, without TLS.", "127.0.0.1"
    )
    STORAGE_PORT: values.Port = setting(8333, "Port of the component storage on this machine.", "8333")


def a_bucket_is_reached(settings: Settings) -> Iterator[Fault]:
    here, elsewhere = "storage" in settings.COMPONENTS, bool(settings.STORAGE_S3_URL)
    if here and elsewhere:
        yield Fault(
            "STORAGE_S3_URL",
            "this machine runs the S3 server itself; leave it empty, or take storage out of COMPONENTS",
            instead="",
        )
    if not _registers_to_a_bucket(settings) or here:
        return
    if not elsewhere:
        yield Fault("STORAGE_S3_URL", "CLIENT_STORAGE=s3 has no S3 server: set its URL, or add storage to COMPONENTS")
    if not settings.STORAGE_SECRET_KEY:
        yield Fault("STORAGE_SECRET_KEY", "the S3 server is elsewhere: copy its secret key")


def own_server_takes_the_keys(settings: Settings) -> Iterator[Fault]:
    if is_here(settings):
        yield from reads(settings, "STORAGE_ACCESS_KEY", values.own_s3_key)
        yield from reads(settings, "STORAGE_SECRET_KEY", values.own_s3_key)


def _registers_to_a_bucket(settings: Settings) -> bool:
    return is_bucket(settings) and "client" in settings.COMPONENTS


RULES: Rules = {
    a_bucket_is_reached: ("COMPONENTS", "CLIENT_STORAGE", "STORAGE_S3_URL", "STORAGE_SECRET_KEY"),
    own_server_takes_the_keys: ("COMPONENTS", "STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY"),
}


def is_bucket(settings: Settings) -> bool:
    return settings.CLIENT_STORAGE == "s3"


def is_here(settings: Settings) -> bool:
    return STORAGE.is_in(settings)


def url(settings: Settings) -> str:
    """The S3 server as containers reach it: its name has a dot, because some resolvers do not forward other names."""
    return settings.STORAGE_S3_URL or http(f"storage.{settings.SITE}", PORT_INSIDE)


def url_here(settings: Settings) -> str:
    """The S3 server as this machine reaches it; containers on it use another address."""
    return settings.STORAGE_S3_URL or http(callable_here(settings.STORAGE_BIND), settings.STORAGE_PORT)


def block_type(settings: Settings) -> str:
    return BLOCK_TYPES[settings.CLIENT_STORAGE]


def run_environment(settings: Settings) -> dict[str, str]:
    """Environment variables of every run: a flow that names no storage saves its results there."""
    return {"PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": f"{block_type(settings)}/{BLOCK}"}


def python_path(settings: Settings) -> str:
    """PYTHONPATH of containers that run flows: the code, and the plugin if there is a bucket."""
    return f"{HOME}:{PLUGIN}" if is_bucket(settings) else HOME


def code_environment(settings: Settings) -> dict[str, str]:
    """Additional environment variables of a deployment's runs: the version that the registrar fills in."""
    return {CODE_VERSION: f"{{{{ ${CODE_VERSION} }}}}"} if is_bucket(settings) else {}


def result_block(settings: Settings) -> dict[str, str]:
    return {"type": block_type(settings), "name": BLOCK}


def block(_: Settings) -> dict[str, str]:
    """The block with the login of the bucket."""
    return {"type": CREDENTIALS_TYPE, "name": CREDENTIALS}


def reference(_: Settings) -> str:
    return CREDENTIALS_REFERENCE


def plugin(_: Settings) -> str:
    return PLUGIN


def code_version(_: Settings) -> str:
    return CODE_VERSION


def code_at(settings: Settings) -> str | None:
    """The version of a deployment's code; None on a volume, which has one version."""
    return code_environment(settings).get(CODE_VERSION)


def code_variables(settings: Settings) -> dict[str, Any]:
    """Job variables with which a run finds its version of the code."""
    code = code_environment(settings)
    return {"env": code} if code else {}


def secrets(settings: Settings) -> Secrets:
    return Secrets({key: getattr(settings, key) for key in ("STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY")})


def made(_: Settings) -> dict[str, str]:
    return {"STORAGE_SECRET_KEY": PASSWORD}


def port_user(settings: Settings, machine: Machine) -> str:
    """Any answer counts: S3 servers differ in what they answer without a login."""
    return "an S3 server" if machine.get(url_here(settings)) else ""


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if not (is_bucket(settings) or is_here(settings)):
        return
    url = url_here(settings)
    if machine.get(url):
        yield Finding(OK, f"the S3 server answers at {url}")
    elif is_here(settings):
        yield Finding(NOTE, f"no S3 server answers at {url}", "start it with `make up`")
    else:
        yield Finding(FAIL, f"no S3 server answers at {url}", "check STORAGE_S3_URL, the network, and whether it runs")


STORAGE = Component(
    noun="storage",
    name="storage",
    folder="storage",
    images=("storage",),
    calls_api=False,
    published="STORAGE",
    services=frozenset({"storage"}),
    memory={"storage": "2g"},
    sections=(StorageSettings,),
    rules=RULES,
    secrets=secrets,
    made=made,
    findings=findings,
    port_user=port_user,
    seen=(
        url,
        run_environment,
        python_path,
        result_block,
        block,
        reference,
        plugin,
        code_version,
        code_at,
        code_variables,
    ),
)
