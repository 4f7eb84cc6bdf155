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
        ("docker.io/library/pca", ""),
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


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_without_a_login_none_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert registry_login("registry:5000/pca", "") == {}


def a_login(folder: Path, monkeypatch: pytest.MonkeyPatch, server: str, login: dict[str, str]) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {server: login}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def test_a_login_of_any_registry_is_passed_on_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user, password = "robot$lab+ci", "é$:" * 700
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    a_login(tmp_path, monkeypatch, "harbor.example.org", {"auth": auth})
    login = {"username": user, "password": password, "serveraddress": "harbor.example.org"}
    assert registry_login("harbor.example.org/lab/pca", "") == login


def test_docker_hub_is_known_by_the_name_that_docker_login_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = base64.b64encode(b"me:p").decode()
    a_login(tmp_path, monkeypatch, "https://index.docker.io/v1/", {"auth": auth})
    assert registry_login("team/pca", "")["username"] == "me"


def test_a_token_is_sent_in_place_of_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_login(tmp_path, monkeypatch, "lab.azurecr.io", {"auth": "MDAwMDo=", "identitytoken": "token"})
    assert registry_login("lab.azurecr.io/pca", "") == {"identitytoken": "token", "serveraddress": "lab.azurecr.io"}


@pytest.mark.parametrize("login", [{}, {"auth": ""}, {"auth": "%"}, {"auth": "/w=="}])
def test_a_login_that_is_kept_elsewhere_or_damaged_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    a_login(tmp_path, monkeypatch, "registry:5000", login)
    assert registry_login("registry:5000/pca", "") == {}
