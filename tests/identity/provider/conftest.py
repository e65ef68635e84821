"""The stand of these tests, opened anew for each."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR, Make
from tests.identity.provider.known import PEOPLE, clients
from tests.identity.provider.signer import Signer, certificate
from tests.identity.provider.stand import Stand, edge_of, opened
from tests.identity.provider.words import BASE, REALM

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.identity.callers import RememberedCallers
from bezant.identity.openid import ImportRealm
from bezant.ids import Ids


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def stand(
    identity_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Stand]:
    close: list[Database] = []
    here = await opened(identity_database, clock, tmp_path, close, live=False)
    make = Make(here.service, Ids(clock))
    merchant = await make.merchant(demo=True)
    partner, robot = Signer(clock), Signer(clock)
    proxied = certificate("proxied.example", clock)
    known = clients(partner, robot, proxied)
    await here.service.import_realm(
        ImportRealm(OPERATOR, REALM, "E-Commerce", merchant.id, known, PEOPLE)
    )
    callers = RememberedCallers(here.service, clock)
    here.service.when_rights_are_taken(callers.forget)
    edge = edge_of(here.service, callers, clock, (ip_network("127.0.0.0/8"),))
    transport = httpx2.ASGITransport(app=edge, client=("127.0.0.1", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield Stand(
            here.service, here.keys, callers, client, clock, make, merchant, partner, robot, proxied
        )
    for one in close:
        await one.close()
