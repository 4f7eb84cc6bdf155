"""The proxy reads references as the engine does, and settings allow only what they name."""

import pytest
from socket_proxy import image

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("team/job", "docker.io/team/job:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest"),
        ("index.docker.io/team/job:1", "docker.io/team/job:1"),
        ("localhost/job:1", "localhost/job:1"),
        ("registry:5000/job:1", "registry:5000/job:1"),
        ("registry.lab/a/b/c:1", "registry.lab/a/b/c:1"),
        ("UPPER/job:1", "UPPER/job:1"),
        (f"registry.lab/job@{DIGEST}", f"registry.lab/job@{DIGEST}"),
        (f"registry.lab/job:1@{DIGEST}", f"registry.lab/job:1@{DIGEST}"),
        ("cafe", "docker.io/library/cafe:latest"),
    ],
)
def test_reference_in_full(text: str, full: str) -> None:
    assert image.parse(text).full == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "/job",
        "job/",
        "job:",
        "a//b",
        "a/../b",
        "Job",
        "job@sha256:0",
        "job:1:2",
        "https://x/y",
        "job 1",
        "x" * 300,
    ],
)
def test_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match="is not an image reference"):
        image.parse(text)


@pytest.mark.parametrize(
    ("pattern", "reference", "allowed"),
    [
        ("registry.lab:5000/*", "registry.lab:5000/a/b:1", True),
        ("registry.lab:5000/*", "registry.lab:50001/a:1", False),
        ("registry.lab/*", "registry.lab:5000/a:1", False),
        ("localhost/prefect-site/*", "localhost/prefect-site/flows:1", True),
        ("localhost/prefect-site/*", "localhost/prefect-site-evil/flows:1", False),
        ("team/*", "docker.io/team/job:1", True),
        ("team/*", "registry.lab/team/job:1", False),
        ("docker.io/*", "team/job:1", True),
        ("docker.io/library/*", "alpine", True),
        ("alpine", "alpine:3.20", True),
        ("alpine", f"alpine@{DIGEST}", True),
        ("alpine", "team/alpine", False),
        ("alpine:3.20", "alpine:3.20", True),
        ("alpine:3.20", f"alpine:3.20@{DIGEST}", False),
        ("alpine:3.20", "alpine:3.21", False),
        ("alpine:3.20", f"alpine@{DIGEST}", False),
        (f"alpine@{DIGEST}", f"alpine@{DIGEST}", True),
        (f"alpine@{DIGEST}", "alpine:3.20", False),
        (f"alpine:3.20@{DIGEST}", f"alpine:3.20@{DIGEST}", True),
        ("registry:5000/job", "registry:5000/job:7", True),
    ],
)
def test_pattern(pattern: str, reference: str, allowed: bool) -> None:
    assert image.pattern(pattern).allows(image.parse(reference)) is allowed


@pytest.mark.parametrize(
    ("address", "registry"),
    [
        ("", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry.lab:5000", "registry.lab:5000"),
        ("http://registry.lab:5000/v2/", "registry.lab:5000"),
        ("https://registry.lab:5000@evil.org", "registry.lab:5000@evil.org"),
    ],
)
def test_registry_of_a_login(address: str, registry: str) -> None:
    assert image.registry_of(address) == registry
