"""Orders: the door, the follower of the payments' feed, and what orders do by themselves."""

from datetime import timedelta

from bezant.approvals.port import Approvals
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.events import Feed
from bezant.keys.port import Keys
from bezant.ledger.port import Ledger
from bezant.orders import jobs
from bezant.orders.following import FEED, FOLLOWER, Following
from bezant.orders.healing import Healing
from bezant.orders.ordering import Desk
from bezant.orders.port import Orders, OrdersFeed
from bezant.orders.secrets import ClientSecrets
from bezant.orders.service import MODULE, OrdersService
from bezant.payments.port import Payments, PaymentsFeed
from bezant.rpc.near import near
from bezant.vault.port import Vault
from bezant.wiring.approvals import approvals_port
from bezant.wiring.cards import vault_ports
from bezant.wiring.keys import keys_for
from bezant.wiring.modules import FEEDS, identity_port, ledger_port
from bezant.wiring.payments import payments_port
from bezant.wiring.providers import open_providers_of
from bezant.wiring.sandbox import sandbox_port
from bezant.wiring.workbench import Workbench


async def orders_port(bench: Workbench, keys: Keys, payments: Payments, vault: Vault) -> Orders:
    """Return orders, near or far."""
    far = bench.elsewhere(Orders, MODULE)
    return far or near(Orders, (await open_orders(bench, keys, payments, vault))[0])


async def open_orders(
    bench: Workbench, keys: Keys, payments: Payments, vault: Vault
) -> tuple[OrdersService, OrdersFeed]:
    """Open orders, follow what is paid, and look after what is not."""
    database = await bench.database(MODULE)
    nudges = Nudges(database)
    nudges.start()
    bench.stack.push_async_callback(nudges.stop)
    sequencer = Sequencer(database, MODULE, nudges)
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)
    secrets = ClientSecrets(keys)
    await secrets.start()
    desk = Desk(database, bench.clock, bench.ids, Outbox(MODULE, nudges))
    service = OrdersService(desk, payments, vault, secrets)
    settings = bench.settings.orders
    window = timedelta(seconds=settings.window_seconds)
    following = Following(desk, window, always=settings.required)
    paid = await _paid(bench)
    follower = Follower(FOLLOWER, FEED, paid, database, following.handle, nudges)
    follower.start()
    bench.stack.push_async_callback(follower.stop)
    bench.ticks += jobs.ticks(service, Healing(desk, payments))
    return service, StoredFeed(database, MODULE)


async def open_orders_apart(bench: Workbench) -> tuple[OrdersService, OrdersFeed, Payments]:
    """Open orders in a process of their own, with the ports of all they ask."""
    identity, _ = await identity_port(bench, await keys_for(bench, "identity"))
    providers = await open_providers_of(bench, sandbox_port(bench.settings))
    vault, _ = await vault_ports(bench, await keys_for(bench, "vault"), providers.transport)
    # Payments that are kept here send and book in their own name.
    payments = await payments_port(
        bench,
        bench.elsewhere(Ledger, "ledger", FEED) or await ledger_port(bench),
        bench.elsewhere(Vault, "vault", FEED) or vault,
        bench.elsewhere(Approvals, "approvals", FEED) or await approvals_port(bench, identity),
        providers,
    )
    service, feed = await open_orders(bench, await keys_for(bench, MODULE), payments, vault)
    return service, feed, payments


async def _paid(bench: Workbench) -> Feed:
    far = bench.elsewhere(PaymentsFeed, FEED)
    return bench.followed(MODULE, FEED, far or await bench.feed(FEED, FEEDS[FEED]))
