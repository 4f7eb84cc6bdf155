"""Secrets: made once by the system's cryptographic generator, and kept in `.env` from then on."""

import secrets

from stack.components.all import SETTINGS, chosen
from stack.load import envfile
from stack.load.envfile import EnvFile
from stack.settings.settings import Settings

# 24 bytes are 192 bits; written in URL-safe base64 they need no quotes in a .env file.
SECRET_BYTES = 24


def complete(env: EnvFile, settings: Settings) -> tuple[EnvFile, Settings, list[str]]:
    """The file and settings with every empty secret filled that the chosen components use, and the keys that were."""
    forms = {key: form for component in chosen(settings) for key, form in component.made(settings).items()}
    made = {
        key: form.format(password=secrets.token_urlsafe(SECRET_BYTES))
        for key, form in forms.items()
        if not getattr(settings, key)
    }
    if not made:
        return env, settings, []
    filled = envfile.parse(env.path, envfile.with_values(env.text, made))
    return filled, SETTINGS.load(filled), list(made)
