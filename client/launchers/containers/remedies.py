"""Remedies for what an engine refuses: the engine's own words, and after them what the reader can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from launchers.containers.errors import EngineError

# Where the reader wrote what was asked for: in the parameters of a launch, or in the job variables of a deployment.
LAUNCH: Mapping[str, str] = MappingProxyType(
    {
        "asked": "docker_params",
        "image": "image_name and image_tag",
        "registry": "image_name",
        "login": "the block that SITE_REGISTRY_BLOCK names, or `docker login`",
        "command": "the command in docker_params",
        "volume": "the volume in docker_params",
        "network": "network in docker_params",
    }
)
JOB: Mapping[str, str] = MappingProxyType(
    {
        "asked": "the job variables",
        "image": "the job variable image",
        "registry": "the job variable image",
        "login": "the block that the job variable registry_credentials names",
        "command": "the job variable command",
        "volume": "the job variable volumes",
        "network": "the job variable networks",
    }
)

# The first pattern found in the engine's words decides. The words of Docker, Podman and the registry are in one list:
# one engine passes on what another said. Order matters where one text holds two (a refused login also says "denied").
_REMEDIES = (
    (
        r"x509|certificate signed by unknown|gave HTTP response to HTTPS",
        "make the engine's machine trust the registry's certificate: `make trust-registry` as root",
    ),
    (
        r"unauthorized|authentication required|no basic auth|incorrect username or password|invalid username/password",
        "correct the registry's user and password: REGISTRY_PASSWORD in .env, then `make up`, or {login}",
    ),
    (
        r"manifest unknown|manifest for .* not found|name unknown|repository .*not found|requested access .* denied"
        r"|failed to resolve reference|no such image|image not known|reading manifest",
        "push the image to the registry (`make up` does so for the site's own), or correct {image}",
    ),
    (
        r"no such host|server misbehaving|name resolution",
        "make the registry's name resolve on the engine's machine (`make trust-registry` as root), "
        "or correct {registry}",
    ),
    (
        r"connection refused|i/o timeout|deadline exceeded|Client\.Timeout|no route to host|is unreachable|\bEOF\b",
        "start the registry, or correct {registry}",
    ),
    (
        r"executable file .*not found|exec: |no such file or directory: unknown",
        "correct {command}: the image has no such program",
    ),
    (
        r"bind source path does not exist|statfs ",
        "make that directory on the engine's machine, or correct {volume}",
    ),
    (r"network .*not found|unable to find network", "make that network, or correct {network}"),
    (
        r"could not select device driver|nvidia",
        "install the GPU runtime on the engine's machine, or leave gpus out of {asked}",
    ),
    (
        r"already in use",
        "another process runs this attempt of the flow run; let it end, or remove the container it left",
    ),
    (r"no space left", "free disk space on the engine's machine"),
)
_PROXY = "leave out of {asked} what the site's engine proxy forbids, or have its settings allow it"

_SOCKET_REMEDIES = (
    (r"No such file", "start the engine, mount its socket there, or correct DOCKER_HOST"),
    (r"Permission denied", "add the group that owns the socket to this container or user"),
    (r"refused", "start the engine, or correct DOCKER_HOST"),
    (r"Name or service|name resolution|nodename", "correct the host name in DOCKER_HOST, or join the engine's network"),
    (r"certificate|ssl|tls", "correct the certificates (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)"),
)
_SOCKET_DEFAULT = "look at the engine's log, then run the flow again"


def refused(status: int, call: str, words: str, asked: Mapping[str, str] = LAUNCH) -> EngineError:
    """The error for an answer with an error status to `call` (method and path); `asked` is LAUNCH or JOB."""
    if status == 403:
        return EngineError(status, f"the engine's proxy refused {call}: {words}; {_PROXY.format(**asked)}")
    if status == 502:  # the proxy's word for an engine that is away
        return EngineError(status, f"{words}; {_of_socket(words)}")
    remedy = _first(_REMEDIES, words).format(**asked)
    return EngineError(status, f"{words}; {remedy}" if remedy else words)


def unreachable(host: str, words: str) -> EngineError:
    """The error for an engine that did not answer at `host`, or stopped answering."""
    return EngineError(0, f"no container engine answers at {host} ({words}): {_of_socket(words)}")


def _of_socket(words: str) -> str:
    return _first(_SOCKET_REMEDIES, words) or _SOCKET_DEFAULT


def _first(remedies: tuple[tuple[str, str], ...], words: str) -> str:
    return next((remedy for pattern, remedy in remedies if re.search(pattern, words, re.IGNORECASE)), "")
