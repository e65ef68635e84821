"""Payments: the door, the feed, and what they look after by themselves."""

from collections.abc import Callable

from bezant.approvals.port import Approvals
from bezant.db.database import Database
from bezant.ledger.port import Ledger
from bezant.payments import feed as payments_feed
from bezant.payments import finding, jobs
from bezant.payments.booking import Booking
from bezant.payments.failpoints import NOWHERE
from bezant.payments.gathered import Gathered
from bezant.payments.health import Health
from bezant.payments.parts import Parts
from bezant.payments.port import Payments, PaymentsFeed
from bezant.payments.refunding import Thresholds
from bezant.payments.rulebook import Rulebook
from bezant.payments.safe import Safe
from bezant.payments.service import PaymentsService
from bezant.psp.registry import Providers
from bezant.psp.shown import Shown
from bezant.rpc.near import near
from bezant.vault.port import Vault
from bezant.wiring.approvals import approvals_port
from bezant.wiring.cards import vault_ports
from bezant.wiring.keys import keys_for
from bezant.wiring.modules import identity_port, ledger_port
from bezant.wiring.providers import open_providers_of
from bezant.wiring.sandbox import sandbox_port
from bezant.wiring.workbench import Workbench

MODULE = payments_feed.SCHEMA.module


async def payments_port(
    bench: Workbench, ledger: Ledger, vault: Vault, approvals: Approvals, providers: Providers
) -> Payments:
    """Return payments, near or far."""
    far = bench.elsewhere(Payments, MODULE)
    if far is not None:
        return far
    service, _ = await open_payments(bench, ledger, vault, approvals, providers)
    return near(Payments, service)


async def open_payments(
    bench: Workbench, ledger: Ledger, vault: Vault, approvals: Approvals, providers: Providers
) -> tuple[PaymentsService, PaymentsFeed]:
    """Open payments with their feed, and look after what has not ended."""
    database = await bench.database(MODULE)
    safe = Safe(await keys_for(bench, MODULE))
    await safe.start()
    keeper = payments_feed.keeper(database)
    keeper.start()
    bench.stack.push_async_callback(keeper.stop)
    parts = Parts(
        database=database,
        clock=bench.clock,
        ids=bench.ids,
        connectors=providers.connectors,
        modes=providers.modes,
        vault=vault,
        booking=Booking(ledger),
        gathered=Gathered(database),
        rulebook=Rulebook(database),
        health=Health(bench.clock),
        failpoints=NOWHERE,
        redaction=Shown(),
        safe=safe,
        told=keeper.written,
    )
    limits = {one.asset.code: one for one in bench.settings.orders.refund_approval_above}
    service = PaymentsService(parts, approvals, providers.checks, Thresholds(limits))
    service.start()
    bench.stack.push_async_callback(service.close)
    bench.meters.gauge(
        "bezant_payments_queued", "Payments waiting to be written.", _queued(service)
    )
    bench.ticks += jobs.ticks(service, database, bench.clock)
    return service, payments_feed.feed(database)


async def troubles(database: Database) -> list[finding.Trouble]:
    """Return what of payments waits for somebody to look, for the doctor."""
    return await finding.troubles(database)


def _queued(service: PaymentsService) -> Callable[[], int]:
    return lambda: service.queued


async def open_payments_apart(bench: Workbench) -> tuple[PaymentsService, PaymentsFeed]:
    """Open payments in a process of their own, with the ports of all they ask."""
    identity, _ = await identity_port(bench, await keys_for(bench, "identity"))
    providers = await open_providers_of(bench, sandbox_port(bench.settings))
    vault, _ = await vault_ports(bench, await keys_for(bench, "vault"), providers.transport)
    approvals = await approvals_port(bench, identity)
    return await open_payments(bench, await ledger_port(bench), vault, approvals, providers)
