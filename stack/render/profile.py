"""A Prefect profile of the site, so that `prefect` on this machine or on a laptop uses the site."""

import json
import shlex
from pathlib import Path

from stack.components.server import SERVER, api_url_here, browser_url
from stack.core.files import PRIVATE, PROFILE_FOLDER, File
from stack.settings.settings import Settings

PATH = f".site/{PROFILE_FOLDER}/profiles.toml"
HEAD = """\
# Made from .env: edit that and run `python render.py`, not this file. It holds the site's login.
# Use: export PREFECT_PROFILES_PATH=THIS-FILE PREFECT_API_URL={url}
active = {name}

[profiles.{name}]
"""


def files(site: Settings) -> list[File]:
    """The profile; none on a machine without a server or its URL."""
    if not is_made(site):
        return []
    head = HEAD.format(url=api_url_here(site), name=_toml(site.SITE))
    text = head + "".join(f"{name} = {_toml(value)}\n" for name, value in _settings(site).items())
    return [File(PATH, text.encode(), PRIVATE)]


def is_made(site: Settings) -> bool:
    return SERVER.is_in(site) or bool(site.PREFECT_API_URL)


def command(root: Path, site: Settings) -> str:
    """The shell command after which `prefect` uses the profile, in every folder.

    It sets the URL as well: `prefect` reads the `.env` of the current folder, which overrides a profile, and the `.env`
    of a site has an empty PREFECT_API_URL.
    """
    return f"export PREFECT_PROFILES_PATH={shlex.quote(str(root / PATH))} PREFECT_API_URL={api_url_here(site)}"


def _settings(site: Settings) -> dict[str, str]:
    url = api_url_here(site)
    login = {"PREFECT_API_AUTH_STRING": site.PREFECT_API_AUTH_STRING} if site.SERVER_AUTH else {}
    authority = {"PREFECT_API_SSL_CERT_FILE": site.EXTRA_CA_BUNDLE} if url.startswith("https:") else {}
    urls = {"PREFECT_API_URL": url, "PREFECT_UI_URL": browser_url(site)}
    return urls | {name: value for name, value in (login | authority).items() if value}


def _toml(text: str) -> str:
    """A basic string of TOML; for printable text it is the same as in JSON."""
    return json.dumps(text, ensure_ascii=False)
