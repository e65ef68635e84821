"""One house for all journeys that disturb nobody else's; making one takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest
from tests.journeys.house import House, apart, open_house

MANNERS = {
    "REFUND_APPROVAL_ABOVE": "50 EUR",
    "RATE_LIMIT": "100000",
    "DB_CONNECTIONS_MAX": "4",  # Many processes, few of them busy, share one server.
}
APART = ("orders", "payments")  # A server has room for a handful of processes beside a house.


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a demo in which refunds above 50 EUR need a second person."""
    nest = Nest(tmp_path_factory.mktemp("house"))
    try:
        with open_house(nest, **MANNERS) as opened:
            yield opened
    finally:
        nest.clear()


@pytest.fixture(scope="session")
def house_apart(house: House) -> Iterator[House]:
    """Serve the same house by a gateway that calls each module in a process of its own."""
    with apart(house, *APART, **MANNERS) as gateway:
        yield gateway


@pytest.fixture(params=["together", "apart"])
def anywhere(request: pytest.FixtureRequest) -> House:
    """Lend the house, together and apart."""
    return request.getfixturevalue("house" if request.param == "together" else "house_apart")


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()
