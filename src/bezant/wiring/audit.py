"""The audit: the request log, the transparency log with what it follows, and its witnesses."""

import os
from collections.abc import Mapping
from typing import Final

from bezant.approvals.port import ApprovalsFeed
from bezant.audit.following import Following
from bezant.audit.port import Audit, TransparencyLog
from bezant.audit.publishing import Publisher
from bezant.audit.shelf import Shelf
from bezant.audit.signing import LogKeys
from bezant.audit.transparency import TransparencyService
from bezant.audit.witness.asking import Witness
from bezant.audit.witness.rounds import Rounds
from bezant.audit.writer import Writer
from bezant.db.jobs import Tick, Turn
from bezant.db.nudges import Nudges
from bezant.db.sequencer import Sequencer
from bezant.events import Feed
from bezant.identity.port import IdentityFeed
from bezant.keys.port import Keys, KeysFeed
from bezant.ledger.port import LedgerFeed
from bezant.orders.port import OrdersFeed
from bezant.payments.port import PaymentsFeed
from bezant.receipts.port import ReceiptsFeed
from bezant.receipts.signing import EVERY_KEY
from bezant.rpc.near import near
from bezant.webhooks.port import WebhooksFeed
from bezant.wiring.modules import FEEDS, open_audit
from bezant.wiring.workbench import FEED_CONNECTIONS_MAX, Workbench

MODULE: Final = "audit"
FOLLOWED: Final = {
    "approvals": ApprovalsFeed,
    "identity": IdentityFeed,
    "keys": KeysFeed,
    "ledger": LedgerFeed,
    "orders": OrdersFeed,
    "payments": PaymentsFeed,
    "receipts": ReceiptsFeed,
    "webhooks": WebhooksFeed,
}
"""The modules whose events get an entry in the log, each with the port of its feed. What happens in
the audit itself gets one as well.
"""
RECHECK_EVERY_SECONDS: Final = 60.0
THIN_EVERY_SECONDS: Final = 3_600.0


async def audit_ports(bench: Workbench, keys: Keys) -> tuple[Audit, TransparencyLog]:
    """Return the audit's doors, near or far."""
    audit, log = bench.elsewhere(Audit, MODULE), bench.elsewhere(TransparencyLog, MODULE)
    if audit is not None and log is not None:
        return audit, log
    return near(Audit, await open_audit(bench)), near(TransparencyLog, await open_log(bench, keys))


async def open_log(bench: Workbench, keys: Keys) -> TransparencyService:
    """Open the log, follow what happens, sign it every second, and let witnesses sign it."""
    service, parts = await _assembled(bench, keys, await _feeds(bench))
    for part in parts:
        part.start()
        bench.stack.push_async_callback(part.stop)
    publisher = next(part for part in parts if isinstance(part, Publisher))
    sequencer = Sequencer(await bench.database(MODULE, FEED_CONNECTIONS_MAX), MODULE, Nudges())
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)

    async def recheck(turn: Turn) -> None:
        del turn  # Reading it twice does no harm.
        await service.recheck_on()

    async def thin(turn: Turn) -> None:
        del turn
        await publisher.thin()

    bench.ticks.append(Tick("audit.recheck", RECHECK_EVERY_SECONDS, recheck))
    bench.ticks.append(Tick("audit.thin", THIN_EVERY_SECONDS, thin))
    return service


async def log_beside(bench: Workbench, keys: Keys) -> TransparencyService:
    """Return the log for a command beside a running platform; nothing is started here."""
    service, _ = await _assembled(bench, keys, {})
    return service


async def _assembled(
    bench: Workbench, keys: Keys, feeds: Mapping[str, Feed]
) -> tuple[TransparencyService, tuple[Nudges | Publisher | Following | Rounds, ...]]:
    database = await bench.database(MODULE)
    settings = bench.settings.platform
    witnesses = [Witness.parse(one) for one in settings.audit_witnesses]
    writer = Writer(database, bench.real, os.urandom)
    origin = await writer.open(settings.audit_origin or f"bezant/{bench.site.installation}")
    nudges = Nudges(database)
    shelf = Shelf(database)
    log_keys = LogKeys(keys, origin, EVERY_KEY)
    await log_keys.start()
    publisher = Publisher(database, writer, shelf, log_keys, bench.real, nudges, origin)
    following = Following(database, writer, nudges, feeds)
    rounds = Rounds(database, shelf, nudges, witnesses)
    quorum = len(witnesses) // 2 + 1 if witnesses else 0
    service = TransparencyService(
        database, bench.real, origin, shelf, log_keys, publisher, following, rounds, quorum
    )
    return service, (nudges, following, publisher, rounds)


async def _feeds(bench: Workbench) -> Mapping[str, Feed]:
    feeds: dict[str, Feed] = {MODULE: await bench.feed(MODULE, FEEDS[MODULE])}
    for module, port in FOLLOWED.items():
        feeds[module] = bench.elsewhere(port, module) or await bench.feed(module, FEEDS[module])
    return {module: bench.followed(MODULE, module, feed) for module, feed in feeds.items()}
