"""Each module: opened on its own database role, or called where it has a process of its own."""

from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from bezant.audit.port import Audit
from bezant.audit.service import AuditService
from bezant.db.feeds import StoredFeed
from bezant.db.jobs import Tick, Turn
from bezant.db.nudges import Nudges
from bezant.db.sequencer import Sequencer
from bezant.identity.callers import RememberedCallers
from bezant.identity.port import Identity, IdentityFeed, OpenIdProvider, People
from bezant.identity.service import IdentityService
from bezant.keys.port import Keys
from bezant.ledger import feed as ledger_feed
from bezant.ledger import jobs as ledger_jobs
from bezant.ledger.port import Ledger, LedgerFeed
from bezant.ledger.proof import Proof
from bezant.ledger.service import LedgerService
from bezant.payments import feed as payments_feed
from bezant.rpc.near import near
from bezant.wiring.book import SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS
from bezant.wiring.issuer import issuer_of, start_issuer
from bezant.wiring.outside import trust_issuers
from bezant.wiring.people import deliver_letters, party_of_settings
from bezant.wiring.workbench import FEED_CONNECTIONS_MAX, Workbench

MODULES: Final = (
    "approvals", "audit", "keys", "identity", "ledger", "orders", "payments", "receipts", "vault",
    "webhooks",
)  # fmt: skip
"""What can have a process of its own."""
FEEDS: Final = {
    "approvals": "event",
    "audit": "event",
    "identity": "event",
    "keys": "event",
    "ledger": ledger_feed.SOURCE,
    "orders": "event",
    "payments": payments_feed.SOURCE,
    "receipts": "event",
    "webhooks": "event",
}
"""The relation of the events of each module that has a feed."""
FOLLOWERS: Final = ("audit", "orders", "receipts", "webhooks")
"""Who follows feeds, by their own tables."""
TIDY_EVERY_SECONDS: Final = 3_600.0
STRANGERS_EVERY_SECONDS: Final = 60.0
"""What anybody may leave at our doors goes as fast as it can come."""
AUDIT_TIDY: Final = "audit.tidy"
_opened: WeakKeyDictionary[Workbench, tuple[IdentityService, IdentityFeed]] = WeakKeyDictionary()
"""One identity a process, however many modules in it ask who is there."""


async def identity_port(bench: Workbench, keys: Keys) -> tuple[Identity, RememberedCallers]:
    """Return identity, near or far, with the memory of callers in front of it."""
    identity, _, _, callers = await identity_ports(bench, keys)
    return identity, callers


async def identity_ports(
    bench: Workbench, keys: Keys
) -> tuple[Identity, OpenIdProvider, People, RememberedCallers]:
    """Return identity with all of its doors, near or far, and the memory of callers."""
    identity = bench.elsewhere(Identity, "identity")
    provider = bench.elsewhere(OpenIdProvider, "identity")
    people = bench.elsewhere(People, "identity")
    service: IdentityService | None = None
    if identity is None or provider is None or people is None:
        service = (await open_identity_with_feed(bench, keys))[0]
        identity, provider = near(Identity, service), near(OpenIdProvider, service)
        people = near(People, service)
    callers = RememberedCallers(identity, bench.real)
    if service is not None:
        service.when_rights_are_taken(callers.forget)
    await callers.start()
    bench.stack.push_async_callback(callers.stop)
    return identity, provider, people, callers


async def open_identity_with_feed(
    bench: Workbench, keys: Keys
) -> tuple[IdentityService, IdentityFeed]:
    """Open identity, and give what happens there its places in its feed."""
    if bench in _opened:
        return _opened[bench]
    database = await bench.database("identity", FEED_CONNECTIONS_MAX)
    nudges = Nudges(database)
    nudges.start()
    bench.stack.push_async_callback(nudges.stop)
    sequencer = Sequencer(database, "identity", nudges)
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)
    service = await open_identity(bench, keys, nudges)
    await start_issuer(service, bench.settings)
    _opened[bench] = service, StoredFeed(database, "identity")
    return _opened[bench]


async def open_identity(
    bench: Workbench, keys: Keys, nudges: Nudges | None = None
) -> IdentityService:
    """Open identity; whoever is running gives what happens its places in the feed."""
    database = await bench.database("identity")
    service = IdentityService(
        database,
        bench.real,
        bench.ids,
        keys,
        live=bench.site.live,
        nudges=nudges,
        issuer=issuer_of(bench.settings),
        party=party_of_settings(bench.settings),
        signs_up_at=bench.settings.people.sign_up_merchant,
    )
    await service.start()
    trust_issuers(bench, service)
    deliver_letters(bench, service)

    async def tidy(turn: Turn) -> None:
        del turn  # Deleting what is long over may happen twice.
        await service.tidy()

    bench.ticks.append(Tick("identity.tidy", STRANGERS_EVERY_SECONDS, tidy))
    return service


async def ledger_port(bench: Workbench) -> Ledger:
    """Return the book, near or far."""
    return bench.elsewhere(Ledger, "ledger") or near(Ledger, (await open_ledger(bench))[0])


async def open_ledger(bench: Workbench) -> tuple[LedgerService, LedgerFeed]:
    """Open the book with its feed and its proof; long questions have sessions of their own."""
    database = await bench.database("ledger")
    slowly = await bench.database("ledger", SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS)
    keeper = ledger_feed.keeper(database)
    keeper.start()
    bench.stack.push_async_callback(keeper.stop)
    heads = bench.site.folder / "heads"
    proof = Proof(slowly, bench.clock)
    bench.stack.push_async_callback(proof.write_heads, heads)
    service = LedgerService(database, slowly, bench.clock, keeper.written)
    bench.stack.push_async_callback(service.close)
    bench.meters.gauge("bezant_ledger_queued", "Commands waiting to be written.", _queued(service))
    bench.ticks += ledger_jobs.ticks(service, proof, database, heads, bench.clock)
    return service, ledger_feed.feed(database)


def _queued(service: LedgerService) -> Callable[[], int]:
    return lambda: service.queued


async def audit_port(bench: Workbench) -> Audit:
    """Return the audit, near or far."""
    return bench.elsewhere(Audit, "audit") or near(Audit, await open_audit(bench))


async def open_audit(bench: Workbench) -> AuditService:
    """Open the audit."""
    service = AuditService(await bench.database("audit"), bench.real, bench.ids)

    async def tidy(turn: Turn) -> None:
        del turn  # Deleting what is long over may happen twice.
        await service.tidy()

    if not any(tick.name == AUDIT_TIDY for tick in bench.ticks):
        bench.ticks.append(Tick(AUDIT_TIDY, TIDY_EVERY_SECONDS, tidy))
    return service
