"""The provider's stand, trusting an issuer abroad."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest
from tests.identity.outside import abroad as abroad_issuer
from tests.identity.outside.abroad import Abroad
from tests.identity.provider import conftest as provider_stand
from tests.identity.provider.stand import Stand

from bezant.clock import MovableClock

clock = provider_stand.clock
stand = provider_stand.stand


@dataclass
class Border:
    """The issuer abroad, and our own platform."""

    abroad: Abroad
    stand: Stand

    async def who(self, token: str, **headers: str) -> httpx2.Response:
        """Ask our API who somebody with this token is; nothing is remembered."""
        self.stand.callers.forget("")
        return await self.stand.who(token, **headers)


@pytest.fixture
async def abroad(clock: MovableClock) -> AsyncIterator[Abroad]:
    async with abroad_issuer.running(clock) as running:
        yield running


@pytest.fixture
async def border(abroad: Abroad, stand: Stand) -> AsyncIterator[Border]:
    stand.service.trust([abroad.trusted(stand.merchant.id)])
    yield Border(abroad, stand)
    await stand.service.leave_issuers()
