"""The Prefect API over HTTP."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from site_service.errors import ServiceError

PAGE = 200  # PREFECT_SERVER_API_DEFAULT_LIMIT: a server gives out no more at once


@dataclass(frozen=True)
class RestEnv:
    """PREFECT_API_URL, PREFECT_API_AUTH_STRING and PREFECT_API_SSL_CERT_FILE as Prefect reads them."""

    url: str
    login: str
    certificates: str


def read_rest_env(environ: Mapping[str, str]) -> RestEnv:
    """Where the API is. Raises ServiceError where the environment does not say."""
    if not environ.get("PREFECT_API_URL"):
        raise ServiceError("PREFECT_API_URL is not set: write the site's API, for example http://server:4200/api")
    return RestEnv(
        url=environ["PREFECT_API_URL"].rstrip("/"),
        login=environ.get("PREFECT_API_AUTH_STRING", ""),
        certificates=environ.get("PREFECT_API_SSL_CERT_FILE", ""),
    )


class Rest:
    """The API of a site. Every call raises ServiceError where the API does not answer as it should."""

    def __init__(self, env: RestEnv) -> None:
        self._url = env.url
        self._http = httpx.Client(
            headers=_login(env.login),
            verify=ssl.create_default_context(cafile=env.certificates or None),
            timeout=30,
        )

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of the answer."""
        return self._ask("GET", path, params=parameters)

    def post(self, path: str, body: object) -> Any:
        """The JSON of the answer, or None for an empty one."""
        return self._ask("POST", path, json=body)

    def every(self, path: str, **body: Any) -> Iterator[dict[str, Any]]:
        """All that a filter lets through, page by page."""
        offset = 0
        while True:
            page = self.post(path, {**body, "limit": PAGE, "offset": offset})
            if not isinstance(page, list):
                raise ServiceError(f"the API at {self._url}{path} gave no list: {str(page)[:200]}")
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        url = f"{self._url}{path}"
        try:
            answer = self._http.request(method, url, **content)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise ServiceError(f"no API answers at {url} ({error}): correct PREFECT_API_URL") from None
        if answer.status_code in {401, 403}:
            raise ServiceError(
                f"the API at {url} refused the login: correct PREFECT_API_AUTH_STRING", answer.status_code
            )
        if answer.is_error:
            raise ServiceError(
                f"the API at {url} answered {answer.status_code}: {answer.text[:200]}", answer.status_code
            )
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise ServiceError(
                f"the API at {url} answered with something else than JSON: {answer.text[:200]}"
            ) from None


def _login(login: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
