"""What a public image must be for an image of the site to begin with it: by its name, and by what it answers."""

from pathlib import Path

import pytest

from stack.check.validate import validate
from stack.components.all import SETTINGS
from stack.components.base_images import BASES
from stack.core.errors import SiteError
from stack.images.site_images import bases
from stack.load import envfile

POSTGRES = "the site needs PostgreSQL 15 on Debian, and this is "
PYTHON = "the site needs Python 3.11 or later on Debian, and this is "
REDIS = "the site needs Redis 6.2 or later, and this is "
REGISTRY = "the site needs the registry of the Distribution project, 2 or later, and this is "
STORAGE = "the site needs SeaweedFS 4.48 or later, and this is "

WRONG = [
    ("BASE_IMAGE_POSTGRES", "postgres:18", POSTGRES + "version 18"),
    ("BASE_IMAGE_POSTGRES", "postgres:18.1-trixie", POSTGRES + "version 18.1"),
    ("BASE_IMAGE_POSTGRES", "postgres:16beta1", POSTGRES + "version 16"),
    ("BASE_IMAGE_POSTGRES", "postgres:14@sha256:" + "0" * 64, POSTGRES + "version 14"),
    ("BASE_IMAGE_POSTGRES", "postgres:15-alpine", POSTGRES + "made on Alpine"),
    ("BASE_IMAGE_POSTGRES", "mirror.example.org:5000/library/postgres:15.18-alpine3.22", POSTGRES + "made on Alpine"),
    ("BASE_IMAGE_POSTGRES", "mirror.example.org/db:15-alpine", POSTGRES + "made on Alpine"),
    ("BASE_IMAGE_POSTGRES", "redis:7.2.12-bookworm", POSTGRES + "redis"),
    ("BASE_IMAGE_POSTGRES", "mysql:8", POSTGRES + "mysql"),
    ("BASE_IMAGE_PYTHON", "python:3.10-slim", PYTHON + "version 3.10"),
    ("BASE_IMAGE_PYTHON", "python:2.7", PYTHON + "version 2.7"),
    ("BASE_IMAGE_PYTHON", "python:3.11-alpine", PYTHON + "made on Alpine"),
    ("BASE_IMAGE_PYTHON", "python:3.11-windowsservercore-ltsc2022", PYTHON + "made on Windows"),
    ("BASE_IMAGE_PYTHON", "debian:bookworm", PYTHON + "debian"),
    ("BASE_IMAGE_REDIS", "redis:5", REDIS + "version 5"),
    ("BASE_IMAGE_REDIS", "redis:6.0.20", REDIS + "version 6.0.20"),
    ("BASE_IMAGE_REDIS", "postgres:15.18-bookworm", REDIS + "postgres"),
    ("BASE_IMAGE_REGISTRY", "registry:0.9.1", REGISTRY + "version 0.9.1"),
    ("BASE_IMAGE_REGISTRY", "nginx:1.27", REGISTRY + "nginx"),
    ("BASE_IMAGE_STORAGE", "minio/minio:RELEASE.2025-01-01", STORAGE + "minio"),
    ("BASE_IMAGE_STORAGE", "chrislusf/seaweedfs:2.99", STORAGE + "version 2.99"),
    ("BASE_IMAGE_STORAGE", "chrislusf/seaweedfs:4.22_large_disk", STORAGE + "version 4.22"),
]

RIGHT = [
    ("BASE_IMAGE_POSTGRES", "postgres:15"),
    ("BASE_IMAGE_POSTGRES", "postgres:bookworm"),
    ("BASE_IMAGE_POSTGRES", "postgres@sha256:" + "0" * 64),
    ("BASE_IMAGE_POSTGRES", "mirror.example.org/our-postgres:2"),  # a version of the mirror's own
    ("BASE_IMAGE_PYTHON", "python:3"),
    ("BASE_IMAGE_PYTHON", "python:3.13.1-slim-trixie"),
    ("BASE_IMAGE_REDIS", "redis:6"),
    ("BASE_IMAGE_REDIS", "redis:8.0-alpine"),
    ("BASE_IMAGE_REGISTRY", "registry:3"),
    ("BASE_IMAGE_STORAGE", "chrislusf/seaweedfs:4.50_large_disk"),
    ("BASE_IMAGE_STORAGE", "chrislusf/seaweedfs:dev"),
]


@pytest.mark.parametrize(("key", "image", "reason"), WRONG)
def test_a_name_that_says_it_cannot_work_is_refused(key: str, image: str, reason: str) -> None:
    with pytest.raises(SiteError) as refused:
        validate(envfile.parse(Path(".env"), f"{key}={image}\n"))
    example = SETTINGS.keys[key].example
    assert refused.value.faults == (f".env:1: {key}={image}: {reason}; write for example {key}={example}",)


@pytest.mark.parametrize(("key", "image"), RIGHT)
def test_a_name_that_may_be_right_is_left_to_the_question(key: str, image: str) -> None:
    assert getattr(validate(envfile.parse(Path(".env"), f"{key}={image}\n")), key) == image


def test_every_image_that_begins_with_a_public_one_has_its_rules() -> None:
    assert {name: getattr(SETTINGS.defaults(), base.key) for name, base in BASES.items()} == bases(SETTINGS.defaults())


ANSWERS = [
    ("postgres", "postgres (PostgreSQL) 15.18 (Debian 15.18-1.pgdg12+1)", []),
    ("postgres", "postgres (PostgreSQL) 18.1", ["is version 18.1"]),
    ("postgres", "", ["has no `postgres`"]),
    ("redis", "Redis server v=7.2.12 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", []),
    ("redis", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64", ["is version 6.0.16"]),
    ("prefect", "Python 3.11.15", []),
    ("prefect", "Python 3.9.2", ["is version 3.9.2"]),
    ("registry", "registry github.com/docker/distribution 2.8.2+ds1", []),
    ("registry", "registry github.com/distribution/distribution/v3 v3.0.0", []),
    ("storage", "version 8000GB 4.48 0123abcd linux amd64", []),
    (
        "storage",
        "version 30GB 4.48 0123abcd linux amd64\nlacks data format of a tag that ends in _large_disk",
        ["has no data format of a tag that ends in _large_disk"],
    ),
]


@pytest.mark.parametrize(("name", "version", "faults"), ANSWERS)
def test_an_image_answers_with_its_version(name: str, version: str, faults: list[str]) -> None:
    assert BASES[name].faults(f"version {version}\nasked\n", entry_point=True) == faults


def test_everything_that_an_image_lacks_is_said_at_once() -> None:
    answer = "version postgres (PostgreSQL) 18.1\nlacks /usr/lib/postgresql/15/bin\nasked\n"
    assert BASES["postgres"].faults(answer, entry_point=False) == [
        "is version 18.1",
        "has no /usr/lib/postgresql/15/bin",
        "has no entry point",
    ]
