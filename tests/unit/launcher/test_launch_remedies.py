"""Each refusal names its remedy; the words are those that real engines and registries used."""

import pytest
from launchers.containers.remedies import refused, unreachable

PUSH = "push the image to the registry (`make up` does so for the site's own), or correct image_name and image_tag"
LOGIN = (
    "correct the registry's user and password: REGISTRY_PASSWORD in .env, then `make up`, "
    "or the block that SITE_REGISTRY_BLOCK names, or `docker login`"
)
TRUST = "make the engine's machine trust the registry's certificate: `make trust-registry` as root"
START = "start the registry, or correct image_name"
NAME = "make the registry's name resolve on the engine's machine (`make trust-registry` as root), or correct image_name"
COMMAND = "correct the command in docker_params: the image has no such program"
DIRECTORY = "make that directory on the engine's machine, or correct the volume in docker_params"
NETWORK = "make that network, or correct network in docker_params"
GPU = "install the GPU runtime on the engine's machine, or leave gpus out of docker_params"
TWICE = "another process runs this attempt of the flow run; let it end, or remove the container it left"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        # Docker 26.1
        ("manifest for registry:5000/pca:2 not found: manifest unknown: manifest unknown", PUSH),
        ("pull access denied for pca, repository does not exist: requested access to the resource is denied", PUSH),
        ('Head "https://registry:5000/v2/pca/manifests/1": no basic auth credentials', LOGIN),
        ("unauthorized: authentication required", LOGIN),
        ('Get "https://registry:5000/v2/": x509: certificate signed by unknown authority', TRUST),
        ('Get "https://registry:5000/v2/": http: server gave HTTP response to HTTPS client', TRUST),
        ('Get "https://registry:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused', START),
        ('Get "https://registry:5000/v2/": net/http: request canceled (Client.Timeout exceeded)', START),
        ('Get "https://registry:5000/v2/": dial tcp: lookup registry on 10.0.0.1:53: no such host', NAME),
        ('OCI runtime create failed: exec: "nosuch": executable file not found in $PATH: unknown', COMMAND),
        ('invalid mount config for type "bind": bind source path does not exist: /data', DIRECTORY),
        ("network als not found", NETWORK),
        ('could not select device driver "" with capabilities: [[gpu]]', GPU),
        ('Conflict. The container name "/x" is already in use by container "a1"', TWICE),
        # Podman 4.3
        ("initializing source docker://r:5000/x:1: reading manifest 1 in r:5000/x: manifest unknown", PUSH),
        ("no such image: docker.io/library/x:1: image not known", PUSH),
        ("reading manifest 1 in r:5000/x: unauthorized: authentication required", LOGIN),
        ("pinging container registry r:5000: dial tcp [::1]:5000: connect: connection refused", START),
        ("preparing container a1 for attach: crun: executable file `nosuch` not found in $PATH", COMMAND),
        ("container create: unable to find network with name or ID als: network not found", NETWORK),
        ('creating container storage: the container name "x" is already in use by a1', TWICE),
    ],
)
def test_the_engines_words_are_followed_by_the_mend(words: str, remedy: str) -> None:
    error = refused(500, "POST /containers/create", words)
    assert str(error) == f"{words}; {remedy}"
    assert (error.status, error.words) == (500, f"{words}; {remedy}")


def test_clear_words_stand_alone() -> None:
    words = "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
    assert str(refused(400, "POST /containers/create", words)) == words


def test_a_proxys_refusal_says_whose_it_is() -> None:
    assert str(refused(403, "POST /containers/create", "network host is not allowed")) == (
        "the engine's proxy refused POST /containers/create: network host is not allowed; "
        "leave out of docker_params what the site's engine proxy forbids, or have its settings allow it"
    )


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("[Errno 2] No such file or directory", "start the engine, mount its socket there, or correct DOCKER_HOST"),
        ("[Errno 13] Permission denied", "add the group that owns the socket to this container or user"),
        ("[Errno 111] Connection refused", "start the engine, or correct DOCKER_HOST"),
        (
            "[Errno -2] Name or service not known",
            "correct the host name in DOCKER_HOST, or join the engine's network",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "correct the certificates (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)",
        ),
        ("Server disconnected without sending a response.", "look at the engine's log, then run the flow again"),
    ],
)
def test_an_engine_that_does_not_answer_is_told_with_its_address(words: str, remedy: str) -> None:
    error = unreachable("unix:///run/engine.sock", words)
    assert str(error) == f"no container engine answers at unix:///run/engine.sock ({words}): {remedy}"
    assert error.status == 0
