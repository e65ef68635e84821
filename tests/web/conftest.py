"""One platform and one browser for all tests of the payer's page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.cli.running import Nest
from tests.harness.browser import build_pages, open_browser
from tests.journeys.house import House, open_house

MANNERS = {
    "RATE_LIMIT": "100000",
    "REFUND_APPROVAL_ABOVE": "500 EUR",
    # As in the profile `poc`: customers sign in where the pages are.
    "ISSUER_URL": "http://localhost:3000",
}


@pytest.fixture(scope="session")
def pages() -> None:
    build_pages()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A demo with its emulators, whose pages are built."""
    nest = Nest(tmp_path_factory.mktemp("shop"))
    try:
        with open_house(nest, **MANNERS) as opened:
            yield opened
    finally:
        nest.clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return one for a module's tests; while it is open, no test of this process may be async."""
    with open_browser() as opened:
        yield opened
