"""Each module: opened on its own database role, or called where it has a process of its own."""

from collections.abc import Callable
from typing import Final

from bezant.audit.port import Audit
from bezant.audit.service import AuditService
from bezant.db.database import Limits
from bezant.db.jobs import Tick, Turn
from bezant.identity.callers import RememberedCallers
from bezant.identity.port import Identity
from bezant.identity.service import IdentityService
from bezant.keys.file import FileProvider
from bezant.keys.port import Keys
from bezant.keys.service import KeysService
from bezant.ledger import feed as ledger_feed
from bezant.ledger import jobs as ledger_jobs
from bezant.ledger.port import Ledger, LedgerFeed
from bezant.ledger.proof import Proof
from bezant.ledger.service import LedgerService
from bezant.payments import feed as payments_feed
from bezant.rpc.near import near
from bezant.wiring.workbench import Workbench

MODULES: Final = (
    "approvals", "audit", "keys", "identity", "ledger", "orders", "payments", "vault", "webhooks",
)  # fmt: skip
"""What can have a process of its own."""
FEEDS: Final = {
    "approvals": "event",
    "ledger": ledger_feed.SOURCE,
    "orders": "event",
    "payments": payments_feed.SOURCE,
}
"""The relation of the events of each module that has a feed."""
SLOW_QUESTIONS: Final = Limits(statement_seconds=300, transaction_seconds=330)
"""A report reads every entry of a month; nothing else may take so long."""
SLOW_CONNECTIONS_MAX: Final = 2
TIDY_EVERY_SECONDS: Final = 3_600.0


async def keys_port(bench: Workbench) -> Keys:
    """Return the key room, near or far."""
    return bench.elsewhere(Keys, "keys") or near(Keys, await open_keys(bench))


async def open_keys(bench: Workbench) -> KeysService:
    """Open the key room on the encrypted folder of this installation."""
    provider = await FileProvider.open(bench.site.folder / "keystore", key=bench.site.key)
    service = KeysService(await bench.database("keys"), bench.real, [provider])
    await service.start()
    return service


async def identity_port(bench: Workbench, keys: Keys) -> tuple[Identity, RememberedCallers]:
    """Return identity, near or far, with the memory of callers in front of it."""
    identity = bench.elsewhere(Identity, "identity")
    service = None if identity else await open_identity(bench, keys)
    if service is not None:
        identity = near(Identity, service)
    assert identity is not None
    callers = RememberedCallers(identity, bench.real)
    if service is not None:
        service.when_rights_are_taken(callers.forget)
    await callers.start()
    bench.stack.push_async_callback(callers.stop)
    return identity, callers


async def open_identity(bench: Workbench, keys: Keys) -> IdentityService:
    """Open identity."""
    database = await bench.database("identity")
    service = IdentityService(database, bench.real, bench.ids, keys, live=bench.site.live)
    await service.start()

    async def tidy(turn: Turn) -> None:
        del turn  # Deleting what is long over may happen twice.
        await service.tidy()

    bench.ticks.append(Tick("identity.tidy", TIDY_EVERY_SECONDS, tidy))
    return service


async def ledger_port(bench: Workbench) -> Ledger:
    """Return the book, near or far."""
    return bench.elsewhere(Ledger, "ledger") or near(Ledger, (await open_ledger(bench))[0])


async def open_ledger(bench: Workbench) -> tuple[LedgerService, LedgerFeed]:
    """Open the book with its feed and its proof; long questions have sessions of their own."""
    database = await bench.database("ledger")
    slowly = await bench.database("ledger", SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS)
    keeper = ledger_feed.FeedKeeper(database)
    keeper.start()
    bench.stack.push_async_callback(keeper.stop)
    heads = bench.site.folder / "heads"
    proof = Proof(slowly, bench.clock)
    bench.stack.push_async_callback(proof.write_heads, heads)
    service = LedgerService(database, slowly, bench.clock, keeper.batch_written)
    bench.stack.push_async_callback(service.close)
    bench.meters.gauge("bezant_ledger_queued", "Commands waiting to be written.", _queued(service))
    bench.ticks += ledger_jobs.ticks(service, proof, database, heads, bench.clock)
    return service, ledger_feed.feed(database)


def _queued(service: LedgerService) -> Callable[[], int]:
    return lambda: service.queued


async def open_book(bench: Workbench) -> tuple[LedgerService, Proof]:
    """Open the book for a command beside a running platform: nothing recurring is started here."""
    database = await bench.database("ledger", SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS)
    service = LedgerService(database, database, bench.clock)
    bench.stack.push_async_callback(service.close)
    return service, Proof(database, bench.clock)


async def audit_port(bench: Workbench) -> Audit:
    """Return the audit, near or far."""
    return bench.elsewhere(Audit, "audit") or near(Audit, await open_audit(bench))


async def open_audit(bench: Workbench) -> AuditService:
    """Open the audit."""
    service = AuditService(await bench.database("audit"), bench.real)

    async def tidy(turn: Turn) -> None:
        del turn  # Deleting what is long over may happen twice.
        await service.tidy()

    bench.ticks.append(Tick("audit.tidy", TIDY_EVERY_SECONDS, tidy))
    return service
