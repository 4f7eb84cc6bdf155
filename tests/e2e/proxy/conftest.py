"""One proxy for all of these tests, before the real engine."""

import pytest

from tests.e2e.proxy.proxy_site import Site, a_site
from tests.sharing import SHARED


@pytest.fixture(scope="session")
def site() -> Site:
    return SHARED.enter_context(a_site())
