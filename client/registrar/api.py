"""The Prefect API: waited for, known to be one, of a fitting version."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import prefect
from packaging.version import InvalidVersion, Version
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from registrar.errors import RegistrarError

PAUSE_S = 2.0


@contextmanager
def connect(wait_s: float) -> Iterator[SyncPrefectClient]:
    """A client of the API, once that answers. Raises RegistrarError where it does not, or would not fit."""
    url = api_url()
    require_fitting(url, server_version(url, wait_s))
    with get_client(sync_client=True) as client, refusals(url):
        try:
            yield client
        except httpx.TransportError as error:
            raise RegistrarError(f"{url}: went away ({reason(error)}); run this again, it carries on") from None


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Raise RegistrarError for what the server refuses in this block, with the server's own words."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise RegistrarError(f"{what}: {refusal(error.response)}") from None
    except PrefectException as error:
        cause = getattr(error, "http_exc", None)
        reason = refusal(cause.response) if isinstance(cause, httpx.HTTPStatusError) else str(error)
        raise RegistrarError(f"{what}: {reason}") from None


def api_url() -> str:
    """PREFECT_API_URL, from wherever Prefect takes its settings."""
    if url := get_current_settings().api.url:
        return url
    raise RegistrarError("PREFECT_API_URL: is not set; write the URL of the site's API, such as http://server:4200/api")


def server_version(url: str, wait_s: float) -> str:
    """The server's version, as soon as it answers. Says every few seconds what it waits for."""
    started = time.monotonic()
    while True:
        answer = ask(url)
        if isinstance(answer, httpx.Response) and answer.status_code < 500:
            return version_in(url, answer)
        if "CERTIFICATE_VERIFY_FAILED" in reason(answer):
            raise RegistrarError(f"{url}: its certificate is not trusted here; set PREFECT_API_SSL_CERT_FILE to its CA")
        waited = time.monotonic() - started
        if waited >= wait_s:
            raise RegistrarError(
                f"{url}: no answer within {wait_s:g} s ({reason(answer)}); is the server up, is the URL right?"
            )
        print(f"waiting for {url}: {reason(answer)} ({waited:.0f} s of {wait_s:g} s)", file=sys.stderr, flush=True)
        time.sleep(min(PAUSE_S, wait_s - waited))


def ask(url: str) -> httpx.Response | httpx.TransportError:
    """The API's answer about its version, or why there is none."""
    # Prefect's own retries would keep silent for a minute.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
        try:
            return client.request("GET", "/admin/version")
        except httpx.HTTPStatusError as error:
            return error.response
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise RegistrarError(f"PREFECT_API_URL: {url}: not a URL; write http://host:port/api") from None
        except httpx.TransportError as error:
            return error


def reason(answer: httpx.Response | httpx.TransportError) -> str:
    """Why there is no version yet."""
    if isinstance(answer, httpx.Response):
        return f"HTTP {answer.status_code}"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(answer)) or type(answer).__name__


def version_in(url: str, answer: httpx.Response) -> str:
    """The version in an answer. Raises RegistrarError for a refused login, and if this is not a Prefect API."""
    if answer.status_code in (401, 403):
        status = f"HTTP {answer.status_code}"
        raise RegistrarError(f"{url}: refuses the login ({status}); set PREFECT_API_AUTH_STRING to user:password")
    try:
        return str(Version(answer.json()))
    except (ValueError, TypeError, InvalidVersion):
        raise RegistrarError(f"{url}: not a Prefect API; does PREFECT_API_URL end in /api?") from None


def require_fitting(url: str, server: str) -> None:
    """Raise RegistrarError where the client is newer than its server: such a server refuses what it does not know."""
    client = prefect.__version__
    if Version(client) > Version(server):
        raise RegistrarError(
            f"{url}: runs Prefect {server}, and this client is {client}, which is newer; "
            f"bring the server to {client}, or use a client of {server}"
        )


def refusal(answer: httpx.Response) -> str:
    """The server's own words on a request that it refused."""
    return f"the server refused it (HTTP {answer.status_code}): {reason_of(answer)}"


def reason_of(answer: httpx.Response) -> str:
    """The reason in an answer of Prefect's: `detail`, or a list of what is wrong in the request."""
    try:
        content = answer.json()
    except ValueError:
        return answer.text
    if isinstance(content, dict) and isinstance(content.get("exception_detail"), list):
        return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in content["exception_detail"])
    return str(content.get("detail", content) if isinstance(content, dict) else content)
