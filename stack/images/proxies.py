"""The proxy that builds of images use: the user's, but not for this machine."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from stack.core.url import LOOPBACK

# BuildKit has these arguments built in and keeps them out of image, history and cache.
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY")


def arguments(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Build arguments: proxies by their names, whose values Docker reads from the environment, and NO_PROXY.

    Docker's client adds the proxy of its own configuration to every build, whose steps are on this machine's network.
    """
    proxies = [name for upper in NAMES for name in (upper, upper.lower()) if name in environ]
    listed = ",".join(dict.fromkeys((*_given(environ), *LOOPBACK)))
    return [*proxies, f"NO_PROXY={listed}", f"no_proxy={listed}"]


def _given(environ: Mapping[str, str]) -> list[str]:
    """The hosts that the user's environment and the configuration of Docker's client except from the proxy."""
    lists = [environ.get("NO_PROXY", ""), environ.get("no_proxy", ""), *_configured(environ)]
    return [host.strip() for hosts in lists for host in hosts.split(",") if host.strip()]


def _configured(environ: Mapping[str, str]) -> list[str]:
    """The `noProxy` of each engine in the client's configuration; none if that cannot be read."""
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker")
    try:
        proxies = json.loads((folder / "config.json").read_text(encoding="utf-8"))["proxies"]
        return [str(each.get("noProxy", "")) for each in proxies.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
