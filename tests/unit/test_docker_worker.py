"""What a Docker worker says of a job that cannot start: the engine's words, and what to do about them."""

import os
import subprocess
import sys

import docker_worker
import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from tests.sites import REPO

IMAGE = "registry:5000/lab/weather:1"
LOGIN = (
    "correct the registry's user and password: REGISTRY_PASSWORD in .env, then `make up`, "
    "or the block that the job variable registry_credentials names"
)
PUSH = "push the image to the registry (`make up` does so for the site's own), or correct the job variable image"


def refusal(status: int, method: str, path: str, words: str, kind: type[APIError] = APIError) -> APIError:
    """As the Docker SDK raises it for an answer of the engine."""
    response = requests.Response()
    response.status_code, response.url = status, f"http+docker://localhost{path}"
    response.request = requests.Request(method, f"http://localhost{path}").prepare()
    return kind("", response=response, explanation=words)


def without_engine(cause: Exception) -> RuntimeError:
    """As Prefect's worker raises it."""
    error = RuntimeError("Could not connect to Docker.")
    error.__cause__ = cause
    return error


def said(error: Exception) -> str:
    return str(docker_worker.explained(error, IMAGE))


@pytest.mark.parametrize(
    ("status", "words", "remedy"),
    [
        (500, "login attempt to https://registry:5000/v2/ failed with status: 401 Unauthorized", LOGIN),
        (404, f"manifest for {IMAGE} not found: manifest unknown: manifest unknown", PUSH),
        (
            500,
            'Get "https://registry:5000/v2/": dial tcp 0.0.0.0:5000: connect: connection refused',
            "start the registry, or correct the job variable image",
        ),
        (
            500,
            'Get "https://registry:5000/v2/": tls: x509: certificate signed by unknown authority',
            "make the engine's machine trust the registry's certificate: `make trust-registry` as root",
        ),
        (
            500,
            'Get "https://registry:5000/v2/": dial tcp: lookup registry on 10.0.0.1:53: no such host',
            "make the registry's name resolve on the engine's machine (`make trust-registry` as root), "
            "or correct the job variable image",
        ),
        (404, "network als not found", "make that network, or correct the job variable networks"),
        (
            502,
            "socket proxy (worker): no engine answers at /var/run/docker.sock: Connection refused",
            "start the engine, or correct DOCKER_HOST",
        ),
    ],
)
def test_the_words_of_the_engine_with_the_mend(status: int, words: str, remedy: str) -> None:
    assert said(refusal(status, "POST", "/v1.45/auth", words)) == f"{words}; {remedy}"


def test_what_the_proxy_refuses() -> None:
    words = "socket proxy (worker): image 'x:1' is not allowed; DOCKER_PROXY_WORKER_IMAGES would allow it"
    assert said(refusal(403, "GET", "/v1.45/images/x:1/json", words)) == (
        f"the engine's proxy refused GET /images/x:1/json: {words}; "
        "leave out of the job variables what the site's engine proxy forbids, or have its settings allow it"
    )


def test_a_refusal_of_its_own_kind() -> None:
    assert said(refusal(404, "POST", "/v1.41/images/create", "manifest unknown", ImageNotFound)) == (
        f"manifest unknown; {PUSH}"
    )


def test_a_pull_that_breaks_off_in_its_stream() -> None:
    words = "error pulling image configuration: unauthorized: authentication required"
    assert said(RuntimeError(f"Docker pull failed for {IMAGE}: {words}")) == f"{words}; {LOGIN}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            without_engine(DockerException("Error while fetching server API version: No such file or directory")),
            "Error while fetching server API version: No such file or directory",
        ),
        (requests.ConnectionError("No such file or directory"), "No such file or directory"),
    ],
)
def test_an_engine_that_is_away(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/engine/proxy.sock")
    assert said(error) == (
        f"no container engine answers at unix:///run/engine/proxy.sock ({words}): "
        "start the engine, mount its socket there, or correct DOCKER_HOST"
    )


@pytest.mark.parametrize("error", [RuntimeError("something else"), ValueError("x")])
def test_what_it_does_not_know_is_left_as_it_is(error: Exception) -> None:
    assert docker_worker.explained(error, IMAGE) is None


def test_two_attempts_of_a_run_have_containers_of_different_names() -> None:
    first, second = (docker_worker.unique_name("swift-owl") for _ in range(2))
    assert first != second
    assert str(first).startswith("swift-owl-")
    assert docker_worker.unique_name(None) is None


def test_prefect_finds_it_as_its_docker_worker() -> None:
    command = [sys.executable, str(REPO / "worker-docker/docker_worker.py"), "worker", "start", "--help"]
    path = os.pathsep.join((str(REPO / "client"), str(REPO / "images/prefect")))  # the image has both
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--base-job-template" in done.stdout
    assert docker_worker.DockerWorker.type == "docker"
    from prefect.utilities.dispatch import lookup_type
    from prefect.workers.base import BaseWorker

    assert lookup_type(BaseWorker, "docker") is docker_worker.DockerWorker
