"""Asks a URL of the site."""

import base64
import urllib.error
import urllib.request

from stack.core.machine import Response

SECONDS = 5
# A proxy of the user's environment reaches what is outside, and not what listens on this machine or beside it.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, login: str = "") -> Response | None:
    """The answer of whatever listens there, refusals included; None if nothing answers."""
    request = urllib.request.Request(url)
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with DIRECTLY.open(request, timeout=SECONDS) as response:
            body = response.read().decode("utf-8", "replace")
            return Response(response.status, body, response.headers.get("Date", ""))
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, "", error.headers.get("Date", ""))
    except OSError:
        return None
