"""Where the measurements take place: sites that are gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import sites
from tests.sites import SiteUnderTest

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]


@contextmanager
def site(**settings: object) -> Iterator[SiteUnderTest]:
    made = sites.make_site(**settings)
    try:
        yield made
    finally:
        made.remove()
