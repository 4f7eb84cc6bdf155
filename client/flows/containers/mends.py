"""What mends a refusal: the engine's own words, and after them what the reader can do."""

from __future__ import annotations

import re

from flows.containers.errors import EngineError

# The first pattern found in the engine's words decides. Docker's words, Podman's and the registry's stand together:
# one engine passes on what another said. Order matters where one text holds two (a refused login also says "denied").
_MENDS = (
    (
        r"x509|certificate signed by unknown|gave HTTP response to HTTPS",
        "make the engine's machine trust the registry's certificate: `make trust-registry` as root",
    ),
    (
        r"unauthorized|authentication required|no basic auth|incorrect username or password|invalid username/password",
        "correct the registry's user and password in its credentials block (SITE_REGISTRY_BLOCK), or `docker login`",
    ),
    (
        r"manifest unknown|manifest for .* not found|name unknown|repository .*not found|requested access .* denied"
        r"|failed to resolve reference|no such image|image not known|reading manifest",
        "push the image to the registry, or correct image_name and image_tag",
    ),
    (
        r"no such host|server misbehaving|name resolution",
        "make the registry's name resolve on the engine's machine, or correct image_name",
    ),
    (
        r"connection refused|i/o timeout|deadline exceeded|Client\.Timeout|no route to host|is unreachable|\bEOF\b",
        "start the registry, or correct image_name",
    ),
    (
        r"executable file .*not found|exec: |no such file or directory: unknown",
        "correct the command in docker_params: the image has no such program",
    ),
    (
        r"bind source path does not exist|statfs ",
        "make that directory on the engine's machine, or correct the volume in docker_params",
    ),
    (r"network .*not found|unable to find network", "make that network, or correct network in docker_params"),
    (
        r"could not select device driver|nvidia",
        "install the GPU runtime on the engine's machine, or leave gpus out of docker_params",
    ),
    (
        r"already in use",
        "another process runs this attempt of the flow run; let it end, or remove the container it left",
    ),
    (r"no space left", "free disk space on the engine's machine"),
)
_PROXY = "leave out of docker_params what the site's engine proxy forbids, or have its settings allow it"

_SOCKET_MENDS = (
    (r"No such file", "start the engine, mount its socket there, or correct DOCKER_HOST"),
    (r"Permission denied", "add the group that owns the socket to this container or user"),
    (r"refused", "start the engine, or correct DOCKER_HOST"),
    (r"Name or service|name resolution|nodename", "correct the host name in DOCKER_HOST, or join the engine's network"),
    (r"certificate|ssl|tls", "correct the certificates (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)"),
)
_SOCKET_DEFAULT = "look at the engine's log, then run the flow again"


def refused(status: int, call: str, words: str) -> EngineError:
    """The error for an answer with an error status to `call` (method and path)."""
    if status == 403:
        return EngineError(status, f"the engine's proxy refused {call}: {words}; {_PROXY}")
    mend = _first(_MENDS, words)
    return EngineError(status, f"{words}; {mend}" if mend else words)


def unreachable(host: str, words: str) -> EngineError:
    """The error for an engine that did not answer at `host`, or stopped answering."""
    return EngineError(
        0, f"no container engine answers at {host} ({words}): {_first(_SOCKET_MENDS, words) or _SOCKET_DEFAULT}"
    )


def _first(mends: tuple[tuple[str, str], ...], words: str) -> str:
    return next((mend for pattern, mend in mends if re.search(pattern, words, re.IGNORECASE)), "")
