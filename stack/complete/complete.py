"""Secrets: made once by the system's cryptographic generator, and kept in `.env` from then on."""

import secrets
from collections.abc import Callable

from stack.components import settings
from stack.components.component import REGISTRY, SERVER, STORAGE, chosen
from stack.components.settings import Settings
from stack.load import envfile
from stack.load.envfile import EnvFile

# 24 bytes are 192 bits; written in URL-safe base64 they need no quotes in a .env file.
SECRET_BYTES = 24


def _password() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def _login() -> str:
    return f"admin:{_password()}"


def _needed(site: Settings) -> dict[str, Callable[[], str]]:
    """The secrets that the chosen components use, each with the function that makes it."""
    here = chosen(site.COMPONENTS)
    makers: dict[str, Callable[[], str]] = {}
    if SERVER in here and site.SERVER_AUTH:
        makers["PREFECT_API_AUTH_STRING"] = _login
    if SERVER in here and site.SERVER_DATABASE == "postgres":
        makers |= {"SERVER_DATABASE_PASSWORD": _password, "SERVER_REDIS_PASSWORD": _password}
    if REGISTRY in here:
        makers |= {"REGISTRY_PASSWORD": _password, "REGISTRY_HTTP_SECRET": _password}
    if STORAGE in here:
        makers["STORAGE_SECRET_KEY"] = _password
    return makers


def complete(env: EnvFile, site: Settings) -> tuple[EnvFile, Settings, list[str]]:
    """The file and settings with every empty secret filled in, and the keys of those secrets."""
    made = {key: make() for key, make in _needed(site).items() if not getattr(site, key)}
    if not made:
        return env, site, []
    filled = envfile.parse(env.path, envfile.with_values(env.text, made))
    return filled, settings.load(filled), list(made)
