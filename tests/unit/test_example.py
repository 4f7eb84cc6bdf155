"""What is generated from the settings: the example, the page, and a site's first `.env`."""

from pathlib import Path

import pytest

from stack.check.validate import validate
from stack.components.all import SETTINGS
from stack.images.site_images import bases
from stack.load import envfile
from stack.settings import example
from tests.sites import REPO

REWRITE = "rewrite it with `python -m stack.components`"


def test_the_example_is_made_of_the_settings() -> None:
    assert (REPO / ".env.example").read_text(encoding="utf-8") == example.env_example(SETTINGS.sections), REWRITE


def test_the_page_is_made_of_the_settings() -> None:
    assert (REPO / "docs" / "settings.md").read_text(encoding="utf-8") == example.settings_page(SETTINGS.sections), (
        REWRITE
    )


def test_the_example_means_the_defaults() -> None:
    """Every setting is in it once, with its default."""
    env = envfile.parse(Path(".env.example"), example.env_example(SETTINGS.sections))
    assert sorted(env.assignments) == sorted(SETTINGS.keys)
    assert validate(env) == SETTINGS.defaults()


@pytest.mark.parametrize("key", list(SETTINGS.keys))
def test_the_example_of_a_setting_is_a_value_of_it(key: str) -> None:
    """What a fault says to write instead is not a fault itself."""
    env = envfile.parse(Path(".env"), f"{key}={SETTINGS.keys[key].example}\n")
    checked, faults = SETTINGS.examine(env)
    assert faults == {}
    if key != "REGISTRY_USERS":  # read as the passwords themselves, and written only by users
        assert example.written(getattr(checked, key)) == env.assignments[key].value


@pytest.mark.parametrize("key", list(SETTINGS.keys))
def test_every_setting_is_described_on_the_page_in_one_row(key: str) -> None:
    rows = [row for row in example.settings_page(SETTINGS.sections).splitlines() if row.startswith(f"| `{key}` |")]
    assert len(rows) == 1
    cells = rows[0].strip("| ").split(" | ")
    assert cells[-1].endswith((".", ")")), "a description is a sentence"


@pytest.mark.parametrize("name", ["prefect", "postgres", "redis"])
def test_the_public_image_is_the_one_of_the_recipe(name: str) -> None:
    """Both name it; were they different, an image made without a site's settings would not be the site's."""
    recipe = (REPO / "images" / name / "Dockerfile").read_text(encoding="utf-8")
    assert f"\nARG BASE_IMAGE={bases(SETTINGS.defaults())[name]}\n" in recipe
