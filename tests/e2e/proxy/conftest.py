"""One proxy for all of these tests, before the real engine."""

from collections.abc import Iterator

import pytest

from tests.e2e.proxy.proxy_site import Site, a_site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with a_site() as found:
        yield found
