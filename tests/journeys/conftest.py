"""One house for all journeys that disturb nobody else's; making one takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest
from tests.journeys.house import House, open_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a demo in which refunds above 50 EUR need a second person."""
    nest = Nest(tmp_path_factory.mktemp("house"))
    try:
        with open_house(nest, REFUND_APPROVAL_ABOVE="50 EUR", RATE_LIMIT="100000") as opened:
            yield opened
    finally:
        nest.clear()


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()
