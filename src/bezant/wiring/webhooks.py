"""Webhooks: the door, the followers that fill its list, and the worker that sends."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from bezant.approvals.port import ApprovalsFeed
from bezant.db.feeds import StoredFeed
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.events import Feed
from bezant.keys.port import Keys
from bezant.ledger.port import LedgerFeed
from bezant.orders.port import OrdersFeed
from bezant.payments.port import PaymentsFeed
from bezant.rpc.near import near
from bezant.webhooks import jobs
from bezant.webhooks.dialling import SystemLookup, session_of
from bezant.webhooks.following import Following
from bezant.webhooks.port import QueueDepth, Webhooks, WebhooksFeed
from bezant.webhooks.results import Results
from bezant.webhooks.schedule import Schedule
from bezant.webhooks.sender import Answered, Sender
from bezant.webhooks.service import WebhooksService
from bezant.webhooks.store import delivery as delivery_store
from bezant.webhooks.targets import Targets
from bezant.webhooks.telling import MODULE
from bezant.webhooks.worker import Manner, Worker
from bezant.wiring.modules import FEEDS
from bezant.wiring.workbench import Workbench

FOLLOWED: Final = {
    "approvals": ApprovalsFeed,
    "ledger": LedgerFeed,
    "orders": OrdersFeed,
    "payments": PaymentsFeed,
}
"""The modules whose events are told to the world, each with the port of its feed."""
# An attempt may be made twice in its time, and its result waits to be written.
LEASE_MARGIN: Final = timedelta(seconds=15)


async def webhooks_port(bench: Workbench, keys: Keys) -> Webhooks:
    """Return webhooks, near or far."""
    far = bench.elsewhere(Webhooks, MODULE)
    return far or near(Webhooks, (await open_webhooks(bench, keys))[0])


async def open_webhooks(bench: Workbench, keys: Keys) -> tuple[WebhooksService, WebhooksFeed]:
    """Open webhooks with their feed, follow what happens, and send what is due."""
    database = await bench.database(MODULE)
    nudges = Nudges(database)
    nudges.start()
    bench.stack.push_async_callback(nudges.stop)
    sequencer = Sequencer(database, MODULE, nudges)
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)
    outbox = Outbox(MODULE, nudges)
    live = bench.site.live
    service = WebhooksService(database, bench.clock, keys, nudges, live=live, outbox=outbox)
    await service.start()
    following = Following(database, bench.clock, nudges, await _feeds(bench))
    following.start()
    bench.stack.push_async_callback(following.stop)
    worker = await _worker(bench, keys, nudges, outbox)
    worker.start()
    bench.stack.push_async_callback(worker.stop)
    bench.meters.gauge(
        "bezant_webhooks_under_way", "Webhooks being sent.", lambda: worker.under_way
    )
    bench.ticks += jobs.ticks(database, bench.clock)
    return service, StoredFeed(database, MODULE)


async def webhooks_queue(bench: Workbench) -> QueueDepth:
    """Return what waits, for a command beside a running platform; nothing is started here."""
    database = await bench.database(MODULE, 1)
    async with database.transaction() as tx:
        return await delivery_store.depth(tx, bench.clock.now())


async def _feeds(bench: Workbench) -> Mapping[str, Feed]:
    return {
        module: bench.followed(
            MODULE,
            module,
            bench.elsewhere(port, module) or await bench.feed(module, FEEDS[module]),
        )
        for module, port in FOLLOWED.items()
    }


async def _worker(bench: Workbench, keys: Keys, nudges: Nudges, outbox: Outbox) -> Worker:
    messages = bench.settings.messages
    timeout = timedelta(milliseconds=messages.webhook_timeout_milliseconds)
    manner = Manner(
        Schedule.of(messages.webhook_retry_max),
        lease=2 * timeout + LEASE_MARGIN,
        sha256=messages.webhook_signature_version == "sha256",
    )
    live = bench.site.live
    lookup = SystemLookup()
    bench.stack.callback(lookup.close)
    session = session_of(lookup, live=live, connections_max=manner.under_way_max)
    bench.stack.push_async_callback(session.close)
    sender = Sender(session, bench.real, live=live, timeout_seconds=timeout.total_seconds())
    attempts = bench.meters.tally(
        "bezant_webhook_attempts", "Attempts to deliver, by how they ended.", "outcome"
    )
    alarms = bench.meters.tally(
        "bezant_webhook_alarms", "Deliveries given up and endpoints disabled.", "type"
    )

    def note(answered: Answered) -> None:
        attempts.add(answered.outcome)

    database = await bench.database(MODULE)
    results = Results(database, bench.clock, bench.ids, nudges, alarms.add, outbox)
    targets = Targets(database, bench.clock, keys)
    return Worker(database, bench.clock, bench.real, nudges, targets, sender, results, manner, note)
