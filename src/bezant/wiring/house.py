"""The whole house, in the order in which its modules start; and a module in a process of its own.

Read `build` from top to bottom: each module is opened (`modules.py`) and handed to those above it.
What is entered first is left last, so a house stops in the opposite order. A module that has a
process of its own (`<MODULE>_GRPC`) is called there, and nobody who holds its port can tell;
`build_apart` is such a process.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bezant.approvals.http import routes as approvals_routes
from bezant.approvals.port import Approvals, ApprovalsFeed
from bezant.audit.http import routes as audit_routes
from bezant.audit.port import Audit, TransparencyLog
from bezant.clock import Clock
from bezant.gateway.app import Ground
from bezant.gateway.check import routes as check_routes
from bezant.gateway.findings import Examine, unexamined
from bezant.gateway.health import Traffic
from bezant.gateway.join import routes as join_routes
from bezant.http.routes import Routes
from bezant.http.serve import Listening, settle_memory
from bezant.identity.clients.http import routes as clients_routes
from bezant.identity.http import routes as identity_routes
from bezant.identity.outside.http import routes as outside_routes
from bezant.identity.people.http import routes as people_routes
from bezant.identity.port import Identity, IdentityFeed, OpenIdProvider, People
from bezant.identity.provider.http import routes as provider_routes
from bezant.identity.signed.http import routes as signed_routes
from bezant.ids import Ids
from bezant.keys.http import routes as keys_routes
from bezant.keys.port import Keys, KeysFeed
from bezant.ledger.http import routes as ledger_routes
from bezant.ledger.port import Ledger, LedgerFeed
from bezant.orders.http import routes as orders_routes
from bezant.orders.port import Orders, OrdersFeed
from bezant.payments.http import routes as payments_routes
from bezant.payments.port import Payments, PaymentsFeed
from bezant.receipts.http import routes as receipts_routes
from bezant.receipts.port import Receipts, ReceiptsFeed
from bezant.rpc.near import near
from bezant.settings import Settings
from bezant.vault.http import routes as vault_routes
from bezant.vault.port import CardDoor, Vault
from bezant.web.payers import PayerCallers
from bezant.webhooks.http import routes as webhooks_routes
from bezant.webhooks.port import Webhooks, WebhooksFeed
from bezant.wiring.approvals import approvals_port, open_approvals
from bezant.wiring.audit import audit_ports, open_log
from bezant.wiring.cards import open_vault, vault_ports
from bezant.wiring.edges import edge_of, ground_of, listeners_of, watched_at
from bezant.wiring.front import stands_in_front
from bezant.wiring.gate import secured
from bezant.wiring.issuer import issuer_of
from bezant.wiring.keys import keys_for, keys_port, open_keys_with_feed
from bezant.wiring.modules import (
    audit_port,
    identity_port,
    identity_ports,
    ledger_port,
    open_audit,
    open_identity_with_feed,
    open_ledger,
)
from bezant.wiring.orders import open_orders_apart, orders_port
from bezant.wiring.payments import open_payments_apart, payments_port
from bezant.wiring.providers import open_providers_of
from bezant.wiring.receipts import open_receipts_apart, receipts_port
from bezant.wiring.sandbox import sandbox_beside, sandbox_port
from bezant.wiring.site import Site
from bezant.wiring.telling import recheck_books, tell_start
from bezant.wiring.web import page_routes, pages_url
from bezant.wiring.webhooks import open_webhooks, webhooks_port
from bezant.wiring.workbench import Workbench

if TYPE_CHECKING:
    from bezant.gateway.envoy.plan import Plan
    from bezant.rpc.serve import Server

GATEWAY: Final = "gateway"


@dataclass(frozen=True, slots=True)
class House:
    """Everything that was built and is running. The first of the listenings is the main one."""

    keys: Keys
    identity: Identity
    provider: OpenIdProvider
    ledger: Ledger
    orders: Orders
    payments: Payments
    webhooks: Webhooks
    listenings: Sequence[Listening]
    traffic: Traffic
    envoy: "Plan | None" = None
    """What stands in front of the main listener."""


@dataclass(frozen=True, slots=True)
class Apart:
    """One module that runs in this process for others to call."""

    grpc_port: int
    listenings: Sequence[Listening]
    traffic: Traffic


@asynccontextmanager
async def build(
    settings: Settings, site: Site, real: Clock, ids: Ids, examine: Examine = unexamined
) -> AsyncGenerator[House]:
    """Build the house, keep it running while the block lasts, and take it down in order."""
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, real, ids, GATEWAY)
        await bench.follow_business_time()

        keys = await keys_port(bench)
        identity, provider, people, callers = await identity_ports(
            bench, await keys_for(bench, "identity")
        )
        ledger = await ledger_port(bench)
        audit, log = await audit_ports(bench, await keys_for(bench, "audit"))
        tell_start(bench, audit)
        if "ledger" not in settings.platform.peers:
            await recheck_books(bench, audit)
        webhooks = await webhooks_port(bench, await keys_for(bench, "webhooks"))
        approvals = await approvals_port(bench, identity)
        providers = await open_providers_of(bench, sandbox_port(settings))
        vault, cards = await vault_ports(bench, await keys_for(bench, "vault"), providers.transport)
        payments = await payments_port(bench, ledger, vault, approvals, providers)
        orders = await orders_port(bench, await keys_for(bench, "orders"), payments, vault)
        receipts = await receipts_port(
            bench, await keys_for(bench, "receipts"), identity, audit, log
        )

        routes = [
            approvals_routes(approvals),
            *audit_routes(audit, log),
            *_identity_doors(bench, identity, provider, people),
            check_routes(),
            join_routes(identity),
            keys_routes(keys),
            *ledger_routes(ledger),
            *orders_routes(orders, payments, pages_url=pages_url(settings)),
            *payments_routes(payments),
            *receipts_routes(receipts, settings.platform.api_url),
            *vault_routes(cards),
            webhooks_routes(webhooks, ids),
            *await page_routes(bench, orders, payments, receipts, vault, identity, examine),
        ]
        ground = await ground_of(bench, identity, PayerCallers(callers, orders, identity), audit)
        listenings, envoy = await _listenings(bench, routes, ground, identity)
        listenings += await sandbox_beside(bench)
        await bench.run_jobs()
        settle_memory()
        yield House(
            keys, identity, provider, ledger, orders, payments, webhooks, listenings, bench.traffic,
            envoy)  # fmt: skip


async def _listenings(
    bench: Workbench, routes: Sequence[Routes], ground: Ground, identity: Identity
) -> tuple[list[Listening], "Plan | None"]:
    """Return what listens, the main listener first; and what stands in front of it, if it does."""
    settings = bench.settings
    (main, host, port), *others = listeners_of(settings)
    envoy: Plan | None = None
    if stands_in_front(settings):
        from bezant.wiring.envoy import behind_envoy  # noqa: PLC0415 - an extra

        first, envoy = await behind_envoy(bench, main, routes, ground, identity)
    else:
        first = [Listening(host, port, edge_of(bench, main, routes, ground))]
        first += await secured(bench, first[0], identity)
    rest = [
        Listening(host, port, edge_of(bench, listener, routes, ground))
        for listener, host, port in others
    ]
    return first + rest, envoy


@asynccontextmanager
async def build_apart(
    module: str, address: str, settings: Settings, site: Site, real: Clock, ids: Ids
) -> AsyncGenerator[Apart]:
    """Build one module, offer its port to other processes, and answer HTTP if a profile says so."""
    from bezant.rpc.serve import Server  # noqa: PLC0415 - one process needs no gRPC

    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, real, ids, module)
        await bench.follow_business_time()
        calls = bench.meters.tally("bezant_rpc_answers", "Calls answered.", "method", "outcome")
        server = Server(bench.papers(), real, calls=calls)
        routes = await _served(module, bench, server)
        port = await server.start(address)
        stack.push_async_callback(server.stop)

        opened = listeners_of(settings, module)
        # What several modules are met at is opened by the process of the first of them.
        listeners = [row for row in opened if row[0].modules[:1] == (module,) and routes]
        listenings: list[Listening] = []
        audit = await audit_port(bench)
        tell_start(bench, audit)
        if module == "ledger":
            await recheck_books(bench, audit)
        watched = settings.platform.metrics_port
        if listeners or watched is not None:
            ground = await _ground_apart(bench, audit)
            listenings = [
                Listening(host, port, edge_of(bench, listener, routes, ground))
                for listener, host, port in listeners
            ]
            if watched is not None:
                listenings.append(watched_at(bench, ground, watched))
        await bench.run_jobs()
        settle_memory()
        yield Apart(port, listenings, bench.traffic)


async def _ground_apart(bench: Workbench, audit: Audit) -> Ground:
    """Return what a module's own listeners stand on; the vault's is met by payers, whom the orders
    know.
    """
    identity, remembered = await identity_port(bench, await keys_for(bench, "identity"))
    orders = bench.elsewhere(Orders, "orders") if bench.name == "vault" else None
    callers = remembered if orders is None else PayerCallers(remembered, orders, identity)
    return await ground_of(bench, identity, callers, audit)


def _identity_doors(
    bench: Workbench, identity: Identity, provider: OpenIdProvider, people: People
) -> list[Routes]:
    ids, issuer = bench.ids, issuer_of(bench.settings)
    return [
        identity_routes(identity, ids),
        provider_routes(provider, issuer),
        *people_routes(people, provider, identity, issuer),
        outside_routes(provider, issuer),
        signed_routes(identity, ids),
        clients_routes(identity, ids),
    ]


async def _served_identity(bench: Workbench, server: "Server") -> list[Routes]:
    from bezant.rpc.serve import serve  # noqa: PLC0415 - one process needs no gRPC

    service, feed = await open_identity_with_feed(bench, await keys_for(bench, "identity"))
    serve(server, Identity, service)
    serve(server, IdentityFeed, feed)
    serve(server, OpenIdProvider, service)
    serve(server, People, service)
    provider, identity = near(OpenIdProvider, service), near(Identity, service)
    return _identity_doors(bench, identity, provider, near(People, service))


async def _served_receipts(bench: Workbench, server: "Server") -> list[Routes]:
    from bezant.rpc.serve import serve  # noqa: PLC0415 - one process needs no gRPC

    receipts, feed = await open_receipts_apart(bench)
    serve(server, Receipts, receipts)
    serve(server, ReceiptsFeed, feed)
    return receipts_routes(near(Receipts, receipts), bench.settings.platform.api_url)


async def _served_vault(bench: Workbench, server: "Server") -> list[Routes]:
    from bezant.rpc.serve import serve  # noqa: PLC0415 - one process needs no gRPC

    providers = await open_providers_of(bench, sandbox_port(bench.settings))
    vault = await open_vault(bench, await keys_for(bench, "vault"), providers.transport)
    serve(server, Vault, vault)
    serve(server, CardDoor, vault)
    return vault_routes(near(CardDoor, vault))


_BY_ITSELF: Final[Mapping[str, Callable[[Workbench, "Server"], Awaitable[list[Routes]]]]] = {
    "identity": _served_identity,
    "receipts": _served_receipts,
    "vault": _served_vault,
}


async def _served(module: str, bench: Workbench, server: "Server") -> list[Routes]:
    """Open one module, offer its ports to other processes, and return its routes."""
    from bezant.rpc.serve import serve  # noqa: PLC0415 - one process needs no gRPC

    if module in _BY_ITSELF:
        return await _BY_ITSELF[module](bench, server)
    routes: list[Routes] = []
    match module:
        case "approvals":
            identity, _ = await identity_port(bench, await keys_for(bench, "identity"))
            approvals, approvals_feed = await open_approvals(bench, identity)
            serve(server, Approvals, approvals)
            serve(server, ApprovalsFeed, approvals_feed)
            routes.append(approvals_routes(near(Approvals, approvals)))
        case "audit":
            audit = await open_audit(bench)
            log = await open_log(bench, await keys_for(bench, "audit"))
            serve(server, Audit, audit)
            serve(server, TransparencyLog, log)
            routes += audit_routes(near(Audit, audit), near(TransparencyLog, log))
        case "keys":
            keys, keys_feed = await open_keys_with_feed(bench)
            serve(server, Keys, keys)
            serve(server, KeysFeed, keys_feed)
        case "ledger":
            ledger, feed = await open_ledger(bench)
            serve(server, Ledger, ledger)
            serve(server, LedgerFeed, feed)
            routes += ledger_routes(near(Ledger, ledger))
        case "orders":
            orders, orders_feed, asked = await open_orders_apart(bench)
            serve(server, Orders, orders)
            serve(server, OrdersFeed, orders_feed)
            served = near(Orders, orders)
            routes += orders_routes(served, asked, pages_url=pages_url(bench.settings))
        case "payments":
            payments, payments_feed = await open_payments_apart(bench)
            serve(server, Payments, payments)
            serve(server, PaymentsFeed, payments_feed)
            routes += payments_routes(near(Payments, payments))
        case "webhooks":
            webhooks, told = await open_webhooks(bench, await keys_for(bench, "webhooks"))
            serve(server, Webhooks, webhooks)
            serve(server, WebhooksFeed, told)
            routes.append(webhooks_routes(near(Webhooks, webhooks), bench.ids))
        case _:
            raise AssertionError(module)
    return routes
