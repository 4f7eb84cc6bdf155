"""The few calls of the Docker Engine API that a launch makes; Podman's socket answers the same ones.

Not through the Docker SDK: a launch may cost 0.3 s over `docker run`, and importing the SDK takes 0.12 s of them,
while httpx is in the process already; the SDK also offers a container's output only through private attributes or at
two polls of the socket per line. API reference: https://docs.docker.com/reference/api/engine/.

The paths carry no version, so every engine answers in its own: Docker 29 refuses versions below 1.44, Podman 4.3
speaks 1.41, and the calls below are the same in all of them.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from launchers.containers.errors import EngineError
from launchers.containers.remedies import refused, unreachable

_SUBPATH_API = (1, 45)

DEFAULT_HOST = "unix:///var/run/docker.sock"
_SHOWN = 200  # bytes of an answer that is not JSON

# Seconds of silence after which an engine counts as gone; a busy one takes its time to make a container.
_PROMPT = httpx.Timeout(60)
_PULLING = httpx.Timeout(60, read=300)
_PATIENT = httpx.Timeout(60, read=None)  # a container may be silent for as long as it runs

# Without probes, a firewall on the way to a remote engine forgets the connection of a silent container.
_KEEP_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]


class Engine:
    """A container engine at `host`: unix:///path, tcp://host:port, or the latter with TLS client certificates.

    Every call raises EngineError where the engine is away or refuses.
    """

    def __init__(self, host: str, certificates: Path | None = None) -> None:
        self.host = host
        self._http = httpx.Client(
            transport=_transport(host, certificates),
            base_url=_base_url(host, certificates),
            trust_env=False,  # HTTP_PROXY is for the internet, not for the engine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def info(self) -> dict[str, Any]:
        """Facts of the engine; `Name` is the host name of the machine it runs on."""
        return dict(self._json("GET", "/info"))

    def mounts_parts_of_volumes(self) -> bool:
        """Whether a mount of a volume may name a path inside it: API 1.45, Docker 26; Podman 4 and 5 speak 1.41."""
        version = str(self._json("GET", "/version")["ApiVersion"])
        return tuple(int(part) for part in version.split(".")) >= _SUBPATH_API

    def inspect(self, container: str) -> dict[str, Any]:
        """Everything about one container. The status 404 is the engine's word for none of this name or id."""
        return dict(self._json("GET", f"/containers/{quote(container)}/json"))

    def find(self, labels: Mapping[str, str | None]) -> list[dict[str, Any]]:
        """Short descriptions of the containers, stopped ones too, with all of these labels; None is any value."""
        wanted = [name if value is None else f"{name}={value}" for name, value in labels.items()]
        query = {"all": "true", "filters": json.dumps({"label": wanted})}
        return list(self._json("GET", "/containers/json", params=query))

    def create(self, name: str, spec: Mapping[str, Any]) -> None:
        """Makes a container without starting it."""
        self._json("POST", "/containers/create", params={"name": name}, json=spec)

    def start(self, container: str) -> None:
        """Starts a container; returns when its process runs."""
        self._json("POST", f"/containers/{quote(container)}/start")

    @contextmanager
    def attach(self, container: str) -> Iterator[Iterator[bytes]]:
        """The container's output as it comes, in the engine's frames (see `output.frames`), until its end.

        Attach before the start: what is written earlier does not come.
        """
        query = {"stream": "1", "stdout": "1", "stderr": "1"}
        with self._open("POST", f"/containers/{quote(container)}/attach", _PATIENT, params=query) as answer:
            yield answer.iter_raw()

    def wait(self, container: str) -> None:
        """Returns when the container has ended."""
        with self._open("POST", f"/containers/{quote(container)}/wait", _PATIENT) as answer:
            answer.read()

    def stop(self, container: str, grace: int) -> None:
        """Sends SIGTERM, and SIGKILL after `grace` seconds."""
        self._json("POST", f"/containers/{quote(container)}/stop", params={"t": str(grace)})

    def remove(self, container: str) -> None:
        """Kills and removes a container with its anonymous volumes; one that is gone already is fine."""
        try:
            self._json("DELETE", f"/containers/{quote(container)}", params={"force": "true", "v": "true"})
        except EngineError as error:
            if error.status not in (404, 409):  # 409: its removal is in progress
                raise

    def pull(self, name: str, tag: str, login: Mapping[str, str]) -> None:
        """Pulls an image. The refusal may come inside an answer that began with 200, as an `error` of its stream."""
        headers = {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(dict(login)).encode()).decode()}
        query = {"fromImage": name, "tag": tag}
        with self._open("POST", "/images/create", _PULLING, params=query, headers=headers) as answer:
            for line in answer.iter_lines():
                words = json.loads(line).get("error") if line else None
                if words:
                    raise refused(500, "POST /images/create", words)

    def _json(self, method: str, path: str, **request: Any) -> Any:
        with self._open(method, path, _PROMPT, **request) as answer:
            content = answer.read()
        try:
            return json.loads(content) if content.strip() else None
        except ValueError:
            said = content[:_SHOWN].decode("utf-8", "replace")
            raise EngineError(0, f"the engine at {self.host} answered {method} {path} with: {said}") from None

    @contextmanager
    def _open(self, method: str, path: str, timeout: httpx.Timeout, **request: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, path, timeout=timeout, **request) as answer:
                if answer.is_error:
                    raise refused(answer.status_code, f"{method} {path}", _words(answer.read()))
                yield answer
        except httpx.RequestError as error:
            raise unreachable(self.host, str(error) or type(error).__name__) from None


def connect(environ: Mapping[str, str] = os.environ) -> Engine:
    """The engine that DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH name, as for the docker command."""
    certificates = Path(environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    with_tls = bool(environ.get("DOCKER_TLS_VERIFY"))
    return Engine(environ.get("DOCKER_HOST") or DEFAULT_HOST, certificates if with_tls else None)


def _base_url(host: str, certificates: Path | None) -> str:
    address = urlsplit(host)
    if address.scheme == "unix":
        return "http://engine"
    return f"{'https' if certificates else 'http'}://{address.netloc}"


def _transport(host: str, certificates: Path | None) -> httpx.HTTPTransport:
    address = urlsplit(host)
    if address.scheme == "unix":
        return httpx.HTTPTransport(uds=address.path, verify=False)  # no TLS on a socket; spares loading the CA bundle
    if address.scheme != "tcp" or not address.netloc:
        raise EngineError(0, f"DOCKER_HOST {host!r} is not understood here: write unix:///path or tcp://host:port")
    return httpx.HTTPTransport(verify=_tls(certificates) if certificates else False, socket_options=_KEEP_ALIVE)


def _tls(certificates: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    except (OSError, ssl.SSLError) as error:
        raise EngineError(
            0,
            f"the engine's client certificates in {certificates} cannot be read ({error}): "
            "mount ca.pem, cert.pem and key.pem there, or correct DOCKER_CERT_PATH",
        ) from None
    return context


def _words(content: bytes) -> str:
    """The `message` of a JSON answer, Docker's and Podman's manner; else the text as it is."""
    text = content.decode("utf-8", "replace").strip()
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text or "no reason given"
