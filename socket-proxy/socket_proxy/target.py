"""The target of a request: `/v1.45/containers/json?all=1`, taken apart and refused where it could mean two things."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from socket_proxy.refusal import RefusedError

_PREFIX = re.compile(r"/v1\.([0-9]{1,2})(?=/)")
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9_.:@-]+)+")
# Older versions have looser defaults (a shareable IPC namespace, the host's cgroup namespace). Podman speaks 1.41.
_OLDEST = 41
_MOST_FIELDS = 32


@dataclass(frozen=True)
class Target:
    """`version` is the prefix as passed on, `/v1.45` or empty; `query` has each key once, without empty ones."""

    version: str
    path: str
    query: dict[str, str]


def parse(raw: str) -> Target:
    """Raises RefusedError for encoded, empty or dotted path parts, old API versions and keys that come twice."""
    path, _, query = raw.partition("?")
    prefix = _PREFIX.match(path)
    if prefix and int(prefix[1]) < _OLDEST:
        raise RefusedError(f"API version 1.{prefix[1]} is older than 1.{_OLDEST}")
    return Target(prefix[0] if prefix else "", _path(path[prefix.end() :] if prefix else path), _query(query))


def _path(text: str) -> str:
    """Only ':' and '@' of an image's name may come encoded, as the Docker SDK for Python sends them."""
    path = re.sub("%3A", ":", re.sub("%40", "@", text), flags=re.IGNORECASE)
    if not _PATH.fullmatch(path):
        raise RefusedError("the path has empty, dotted or encoded parts, or characters that no call has", status=400)
    return path


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise RefusedError("the query is malformed", status=400) from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise RefusedError("the query has a key twice", status=400)
    return {key: value for key, value in query.items() if value}
