"""What the environment tells the recovery, what it remembers, and what a pool says of its runs."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from recovery.memory import Memory
from recovery.recovery_env import Patience, RecoveryEnv, read_recovery_env
from recovery.workers import beat
from site_service.errors import ServiceError
from site_service.rest import RestEnv

from stack.components import heartbeats
from stack.components.all import SETTINGS
from stack.render import templates
from stack.render.nouns import nouns

URL = {"PREFECT_API_URL": "http://server:4200/api"}


def test_the_settings_of_the_recovery_have_defaults() -> None:
    assert read_recovery_env(URL) == RecoveryEnv(
        rest=RestEnv("http://server:4200/api", login="", certificates=""),
        max_crash_retries=2,
        interval=timedelta(seconds=5),
        patience=Patience(2.5, 2.0, *(timedelta(seconds=seconds) for seconds in (30, 60, 90, 30, 30))),
        health_file=Path("/tmp/recovery.healthy"),
    )


def test_patience_is_a_percentage() -> None:
    assert read_recovery_env(URL | {"RECOVERY_PATIENCE": "50"}).patience == Patience(
        1.25, 1.0, *(timedelta(seconds=seconds) for seconds in (15, 30, 45, 15, 15))
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "PREFECT_API_URL is not set: write the site's API, for example http://server:4200/api"),
        (URL | {"MAX_CRASH_RETRIES": "-1"}, "MAX_CRASH_RETRIES '-1' must be a whole number, for example 2"),
        (
            URL | {"RECOVERY_INTERVAL": "5s"},
            "RECOVERY_INTERVAL '5s' must be a whole number of seconds, for example 5",
        ),
        (
            URL | {"RECOVERY_PATIENCE": "half"},
            "RECOVERY_PATIENCE 'half' must be a whole percentage, for example 100",
        ),
    ],
)
def test_a_wrong_setting_of_the_recovery_is_reported(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read_recovery_env(environ)
    assert str(refused.value) == expected


def test_silence_is_since_the_last_change_that_was_seen() -> None:
    memory = Memory()
    assert memory.silence("run", None, 100) == 0
    assert memory.silence("run", None, 130) == 30
    assert memory.silence("run", "12:00:00", 135) == 0
    assert memory.silence("run", "12:00:00", 150) == 15
    assert memory.silence("other", "12:00:00", 150) == 0


def test_what_is_forgotten_is_seen_anew() -> None:
    memory = Memory()
    for thing in ("run", "other"):
        memory.silence(thing, 1, 100)
    memory.keep({"run"})
    assert (memory.silence("run", 1, 110), memory.silence("other", 1, 110)) == (10, 0)
    memory.forget()
    assert memory.silence("run", 1, 120) == 0


@pytest.mark.parametrize("name", ["process", "docker", "dind", "podman"])
def test_every_pool_of_a_site_says_how_often_its_runs_are_heard(name: str) -> None:
    rendered = templates.render(f"client/pools/{name}.json.j2", nouns(SETTINGS.defaults()))
    assert beat(json.loads(rendered)) == heartbeats.RUN_SECONDS == 30


@pytest.mark.parametrize("template", [{}, {"variables": {"properties": {"env": {"default": None}}}}])
def test_another_pool_has_prefects_default(template: dict[str, object]) -> None:
    assert beat(template) == 180
