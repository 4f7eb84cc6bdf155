"""Every string of `.env` that reaches a Compose file comes out of Compose as it went in."""

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stack.settings import values
from tests import sites
from tests.compose.conftest import LABELS, Config, Variant, make_variant
from tests.conftest import SiteFactory
from tests.passwords import NASTY, passwords
from tests.sites import docker

a_few = settings(max_examples=8, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _compose() -> None:
    sites.need(sites.compose_fault())


def accepted(strategy: st.SearchStrategy[str], parse: Callable[[str], str]) -> st.SearchStrategy[str]:
    """What the setting's own parser takes."""

    def is_taken(text: str) -> bool:
        try:
            return bool(text.isascii() and parse(text) == text)
        except ValueError:
            return False

    return strategy.filter(is_taken)


labels = passwords.filter(lambda value: "," not in value and value == value.strip())
names = accepted(st.from_regex(values._NAME, fullmatch=True), values._site_name)
identifiers = accepted(st.from_regex(values._IDENTIFIER, fullmatch=True), values._identifier)
pools = accepted(st.from_regex(values._POOL, fullmatch=True), values._pool_name)
images = accepted(
    st.builds("{}:{}".format, st.from_regex(values._IMAGE, fullmatch=True), st.from_regex(values._TAG, fullmatch=True)),
    values._image,
)
urls = accepted(
    st.from_regex(r"https?://[a-z0-9.-]{1,20}(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+;=:@%-]{1,9})?/api", fullmatch=True),
    values._browser_url,
)


@given(st.lists(labels, min_size=150, max_size=150))
@a_few
def test_labels(tmp_path_factory: pytest.TempPathFactory, chosen: list[str]) -> None:
    given_ = {f"label-{number}": value for number, value in enumerate([*chosen, *nasty_labels()])}
    written = ",".join(f"{name}={value}" for name, value in given_.items())
    variant = make_variant(tmp_path_factory.mktemp("site"), {"SITE_LABELS": written})
    for _, _, service in variant.services():
        assert {name: once(service["labels"][name]) for name in given_} == given_


@pytest.mark.engine
def test_labels_on_a_real_container(site_factory: SiteFactory, site_images: None) -> None:
    """The engine has them as they are in `.env`: nothing is substituted or cut on the way."""
    written = ",".join(f"{name}={value}" for name, value in LABELS.items())
    site = site_factory(SITE_LABELS=written)
    site.compose("server", "create", "redis")
    container = site.compose("server", "ps", "--all", "--quiet", "redis").stdout.strip()
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", container))
    assert {**labels, **LABELS, **sites.LABELS, "site": site.name} == labels


def nasty_labels() -> list[str]:
    return [text.strip().replace(",", ";") for text in NASTY]


@given(
    st.fixed_dictionaries(
        {
            "SITE": names,
            "SERVER_DATABASE_NAME": identifiers,
            "SERVER_DATABASE_USER": identifiers,
            "AGENT_POOL": pools,
            "AGENT_IMAGE": images,
            "BASE_IMAGE_PYTHON": images,
            "BASE_IMAGE_POSTGRES": images,
            "BASE_IMAGE_REDIS": images,
            "SERVER_UI_API_URL": urls,
        }
    )
)
@a_few
def test_every_other_string(tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, str]) -> None:
    variant = make_variant(tmp_path_factory.mktemp("site"), chosen)
    assert found(variant) == chosen


def found(variant: Variant) -> dict[str, str]:
    """The settings, read back from what Compose makes of the files."""
    services: dict[str, Config] = {name: service for _, name, service in variant.services()}
    postgres, worker = services["postgres"], services["worker"]
    pool = next(word for word in worker["command"] if word.startswith("--pool="))
    return {
        "SITE": variant.configs["agent"]["networks"]["site"]["name"],
        "SERVER_DATABASE_NAME": postgres["environment"]["POSTGRES_DB"],
        "SERVER_DATABASE_USER": postgres["environment"]["POSTGRES_USER"],
        "AGENT_POOL": pool.removeprefix("--pool="),
        "AGENT_IMAGE": worker["image"],
        "BASE_IMAGE_PYTHON": services["migrate"]["build"]["args"]["BASE_IMAGE"],
        "BASE_IMAGE_POSTGRES": postgres["build"]["args"]["BASE_IMAGE"],
        "BASE_IMAGE_REDIS": services["redis"]["build"]["args"]["BASE_IMAGE"],
        "SERVER_UI_API_URL": once(services["server"]["environment"]["PREFECT_SERVER_UI_API_URL"]),
    }


def once(text: str) -> str:
    """`docker compose config` writes a dollar as Compose reads it: twice."""
    return text.replace("$$", "$")
