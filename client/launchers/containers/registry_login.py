"""With which user and password an image is pulled."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from launchers.launching.errors import LaunchError

# How logins name Docker Hub, whose images name no registry.
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
BLOCK_TYPE = "docker-registry-credentials"


def registry_of(image_name: str) -> str:
    """Host and port of the image's registry; empty for Docker Hub, whose images name none."""
    first, slash, _ = image_name.partition("/")
    return _host(first) if slash and ("." in first or ":" in first or first == "localhost") else ""


def registry_login(image_name: str, block: str) -> dict[str, str]:
    """The login for the image's registry: from the Prefect block of this name, where it is for that registry, else
    what `docker login` left in this user's configuration; empty where there is neither."""
    registry = registry_of(image_name)
    login = _from_block(block) if block else {}
    if login and _host(login["serveraddress"]) == registry:
        return login
    return _from_docker_login(registry)


def _from_block(name: str) -> dict[str, str]:
    """Read as a document: importing the block's class would import the Docker SDK."""
    with get_client(sync_client=True) as client:
        try:
            data = client.read_block_document_by_name(name, BLOCK_TYPE, include_secrets=True).data
        except ObjectNotFound:
            raise LaunchError(
                f"there is no block {BLOCK_TYPE}/{name}: register the site's blocks, or correct SITE_REGISTRY_BLOCK"
            ) from None
    return {
        "username": data["username"],
        "password": data["password"],
        "serveraddress": data["registry_url"],
    }


def _from_docker_login(registry: str) -> dict[str, str]:
    path = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    try:
        logins: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("auths", {})
    except (OSError, ValueError):
        return {}
    return next((_decoded(server, login) for server, login in logins.items() if _host(server) == registry), {})


def _decoded(server: str, login: Mapping[str, str]) -> dict[str, str]:
    """Some registries give a token in place of the password. Empty if the login is in a credential helper, or damaged:
    the image may be public."""
    if token := login.get("identitytoken"):
        return {"identitytoken": token, "serveraddress": server}
    try:
        user, _, password = base64.b64decode(login.get("auth", "")).decode().partition(":")
    except ValueError:
        return {}
    return {"username": user, "password": password, "serveraddress": server} if user else {}


def _host(address: str) -> str:
    """Host and port; empty for Docker Hub, as in `registry_of`."""
    host = urlsplit(address if "//" in address else f"//{address}").netloc
    return "" if host in _HUB else host
