"""Whose password is sent to which registry."""

import base64
import json
from pathlib import Path

import pytest
from launchers.containers.registry_login import registry_login, registry_of


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("registry:5000/team/pca", "registry:5000"),
        ("registry.example.org/pca", "registry.example.org"),
        ("localhost/pca", "localhost"),
        ("library/pca", ""),
        ("pca", ""),
    ],
)
def test_the_registry_is_the_host_in_an_images_name(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_a_docker_login_is_used_for_its_own_registry_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = base64.b64encode(b"me:p:w").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"https://registry:5000/v2/": {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    login = {"username": "me", "password": "p:w", "serveraddress": "https://registry:5000/v2/"}
    assert registry_login("registry:5000/pca", "") == login
    assert registry_login("registry:5001/pca", "") == {}


ODD = [
    "[]",
    '{"auths": []}',
    '{"auths": 3}',
    '{"auths": {"registry:5000": "me:pw"}}',
    '{"auths": {"registry:5000": {"auth": 3}}}',
    '{"auths": {"registry:5000": {"auth": "gA=="}}}',
    '{"auths": {"http://[": {}}}',
]


@pytest.mark.parametrize("content", [None, "{", "{}", *ODD])
def test_without_a_login_none_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert registry_login("registry:5000/pca", "") == {}
