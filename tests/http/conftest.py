"""A listener with the sample routes, for tests that need nothing special."""

from collections.abc import AsyncGenerator

import pytest
from tests.http.stand import Stand, standing


@pytest.fixture
async def stand() -> AsyncGenerator[Stand]:
    async with standing() as ready:
        yield ready
