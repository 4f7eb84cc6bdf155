"""Calls on images and registries: only those that a setting allows, so the engine is nobody's web client."""

import re

from socket_proxy import document, image
from socket_proxy.case import Allow, Case
from socket_proxy.container_config import allowed_image
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import record, string, text

_LOGIN_KEYS = ("email", "identitytoken", "password", "registrytoken", "username")
_login = record({**dict.fromkeys(_LOGIN_KEYS, text), "serveraddress": text})
_TOKEN = re.compile(r"[A-Za-z0-9_=+/-]*")
_HUB_LOGIN = "https://index.docker.io/v1/"


def inspect(case: Case) -> Allow:
    return case.allow(f"/images/{allowed_image(case.names['image'], case.scope).full}/json")


def pull(case: Case) -> Allow:
    """Always one version: without a tag the engine would pull every tag of the repository."""
    name, version = case.query.get("fromImage", ""), case.query.get("tag", "")
    separator = "@" if version.startswith("sha256:") else ":"
    reference = allowed_image(f"{name}{separator}{version}" if version else name, case.scope)
    wanted = {"fromImage": reference.repository, "tag": reference.digest or reference.tag}
    token = _token(case.request.registry_auth)
    return case.allow("/images/create", query={**case.query, **wanted}, registry_auth=token)


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise RefusedError("X-Registry-Auth is no base64 text", status=400)
    return value


def login(case: Case) -> Allow:
    """The engine asks the registry whether the login is good, so only registries of allowed images pass."""
    given = _login(document.read(case.request.body), "", case.scope)
    registry = image.registry_of(string(given.get("serveraddress", ""), "serveraddress"))
    if registry not in {pattern.registry for pattern in case.limits.images}:
        raise RefusedError(f"{registry!r} is the registry of no allowed image", case.limits.setting("IMAGES"))
    return case.allow("/auth", body={**given, "serveraddress": _HUB_LOGIN if registry == image.HUB else registry})
