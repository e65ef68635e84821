"""Those who hear what payments tell: webhooks that go out, receipts, and the log. Each in rooms of
its own, as in life, with everything it keeps or sends in reach of a search.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.harness.cluster import TestDatabase
from tests.receipts import office as receipts
from tests.vault.canaries import everything_in
from tests.webhooks import stand as webhooks
from tests.webhooks.receiver import receiving

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.events import FedEvent
from bezant.payments.feed import SOURCE

EVENTS_MAX = 1_000  # Of one page; fifty stories tell of fewer.


async def told_by_payments(database: TestDatabase, clock: MovableClock) -> Sequence[FedEvent]:
    """Return everything payments have told so far."""
    own = await Database.open(
        database.module_dsn("payments"), name="payments", size_max=1, clock=clock
    )
    try:
        feed = StoredFeed(own, "payments", source=SOURCE)
        return await feed.read(0, EVENTS_MAX)
    finally:
        await own.close()


async def sent_on(
    where: TestDatabase, clock: MovableClock, folder: Path, events: Sequence[FedEvent]
) -> dict[str, bytes]:
    """Deliver these events to a merchant's server; return what it got and what we keep of it."""
    async with webhooks.opened(where, clock, folder) as stand, receiving() as receiver:
        for mode in Mode:
            await stand.endpoint(receiver.url(f"/{mode.value}"), mode=mode)
        worker = await stand.worker()
        await stand.happen(*(one.event for one in events))
        while await webhooks.work(worker):
            pass
        got = [repr(one.headers).encode() + one.body for one in receiver.requests]
        assert len(got) == len(events), "every event was delivered"
        return {"webhooks sent": b"\n".join(got), **_kept(where)}


async def written_down(
    where: TestDatabase, clock: MovableClock, folder: Path, events: Sequence[FedEvent]
) -> dict[str, bytes]:
    """Issue receipts for these events and enter both into the log; return all of it."""
    async with receipts.opened_office(where, clock, folder) as office:
        office.till.events += events
        office.stand.payments.events += [one.event for one in events]
        while await office.stand.following.step("payments"):
            pass
        await office.record()
        tenants = sorted({(one.event.tenant, one.event.mode) for one in events})
        files = [
            (await office.file(one, tenant=tenant)).text
            for tenant, mode in tenants
            for one in await office.all(tenant, mode)
        ]
        assert files, "something was decided"
        logged = "\n".join([await office.log.checkpoint(), *files])
        return {"receipts": logged.encode(), **_kept(where)}


def _kept(where: TestDatabase) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for table, row in everything_in(where.administrator_dsn):
        found[table] = found.get(table, b"") + row + b"\n"
    return found
