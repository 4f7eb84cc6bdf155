"""What every tier of tests shares: what happens without an engine, and sites that are gone after the test."""

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sharing, sites
from tests.sites import SiteUnderTest

LONG_SECONDS = 300
SiteFactory = Callable[..., SiteUnderTest]

# A busy machine makes of milliseconds what it likes.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sharing.arrange(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> sharing.Scheduling:
    return sharing.Scheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test with @pytest.mark.engine needs an engine that answers."""
    if item.get_closest_marker("engine"):
        sites.need(sites.engine_fault())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a run of minutes, what took how long, by what a process is given at a time."""
    every = [report for reports in terminalreporter.stats.values() for report in reports]
    reports = [report for report in every if isinstance(report, pytest.TestReport)]
    if sum(report.duration for report in reports) > LONG_SECONDS:
        terminalreporter.section("what took how long")
        for line in sharing.table(reports):
            terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    sharing.leave(item, nextitem)


@pytest.fixture(scope="session", autouse=True)
def _clean_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """What tests left on the engine is removed before the first and after the last of them, however they ended."""
    used = any(item.get_closest_marker("engine") for item in request.session.items) and not sites.engine_fault()
    if used:
        sites.remove_ended_sessions()
    yield
    if used:
        sites.remove_labelled(sites.SESSION)


@pytest.fixture
def site_factory() -> Iterator[SiteFactory]:
    """Makes rendered sites, each with settings of its own: `site_factory(SERVER_DATABASE="sqlite")`.

    A site has a name, a port and labels of its own unless the settings say otherwise, and is removed after the test.
    A test that starts containers of it asks for `site_images` too.
    """
    made: list[SiteUnderTest] = []

    def make(**settings: object) -> SiteUnderTest:
        made.append(sites.make_site(**settings))
        return made[-1]

    yield make
    for site in reversed(made):
        site.remove()


@pytest.fixture(scope="session")
def site_images() -> None:
    """The images of a default site, made where the engine lacks them. They have no test's label, so they stay."""
    names.ensure(
        ("prefect", "flows", "postgres", "redis"),
        sites.REPO,
        "auto",
        None,
        {},
        report=print,
        bases=bases(SETTINGS.defaults()),
    )
