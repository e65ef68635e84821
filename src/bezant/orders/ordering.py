"""Making orders and showing them."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db import page
from bezant.db.database import Database, Tx
from bezant.db.outbox import Outbox
from bezant.ids import Ids, MalformedId, read, spell
from bezant.orders import rules
from bezant.orders.order import CreateOrder, Order, OrderPage, OrdersOf, OrderStatus
from bezant.orders.port import OrderExists, OrderKeyReused, UnknownOrder
from bezant.orders.store import fact
from bezant.orders.store import order as store
from bezant.orders.store.order import NewOrder, OrderRow
from bezant.orders.telling import PREFIX, of_order, told
from bezant.payments.port import module_key


def own_key(key: str) -> str:
    """Return an idempotency key of orders' own, for payments."""
    return module_key("orders", key)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every part of the service works with."""

    database: Database
    clock: Clock
    ids: Ids
    outbox: Outbox


class Ordering:
    """The part of the service that is about orders."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create_order(self, command: CreateOrder) -> Order:
        """Say what is to be paid, once."""
        row = self.new(command)
        async with self._desk.database.transaction() as tx:
            stored, fresh = await self.add(tx, row)
        return told(stored, replayed=not fresh)

    def new(self, command: CreateOrder) -> NewOrder:
        """Return the row of an order, or refuse what cannot be one."""
        rules.positive(command.amount)
        rules.text(command.description, "description")
        rules.text(command.reference, "reference")
        rules.text(command.customer, "customer")
        rules.check_metadata(command.metadata)
        asset = command.amount.asset
        return NewOrder(
            id=read(PREFIX, command.id, "id") if command.id else self._desk.ids.uuid(),
            tenant=command.tenant,
            mode=command.mode,
            asset=asset.code,
            amount=command.amount.minor,
            reference=command.reference,
            description=command.description,
            customer=command.customer,
            metadata=command.metadata,
            created_at=self._desk.clock.now(),
            idem=rules.idem("order", command.tenant, command.mode, command.key),
            request=rules.fingerprint(replace(command, key="")),
        )

    async def add(self, tx: Tx, row: NewOrder) -> tuple[OrderRow, bool]:
        """Store an order and take the payments that came before it; tell whether it is new."""
        names = (spell(PREFIX, row.id), *((row.reference,) if row.reference else ()))
        await store.hold_names(tx, row.tenant, row.mode, names)
        if not await store.add(tx, row):
            return await self._made_before(tx, row), False
        for early in await fact.waiting_for(tx, row.tenant, row.mode, row.asset, names):
            await fact.put(tx, replace(early, order_id=row.id, due_at=None))
        stored = await store.touch(tx, row.tenant, row.mode, row.id, row.created_at)
        events = [of_order(self._desk.ids, "created", stored)]
        if stored.status is not OrderStatus.OPEN:
            events.append(of_order(self._desk.ids, stored.status.value, stored))
        await self._desk.outbox.append(tx, *events)
        return stored, True

    async def order(self, tenant: str, mode: Mode, order: str) -> Order:
        """Return one order."""
        async with self._desk.database.transaction() as tx:
            return told(await self.found(tx, tenant, mode, order))

    async def found(self, tx: Tx, tenant: str, mode: Mode, order: str) -> OrderRow:
        """Return an order's row."""
        row = await store.find(tx, _number(order), tenant, mode)
        if row is None:
            raise UnknownOrder
        return row

    async def orders(self, query: OrdersOf) -> OrderPage:
        """Return a page of orders."""
        cut = page.cut(PREFIX, rules.limit(query.limit), query.before, query.after)
        rules.askable(query)
        async with self._desk.database.transaction() as tx:
            shown, more = cut.shown(await store.page(tx, query, cut))
        return OrderPage(tuple(told(row) for row in shown), has_more=more)

    async def _made_before(self, tx: Tx, row: NewOrder) -> OrderRow:
        known = None if row.idem is None else await store.by_idem(tx, row.idem)
        if known is None:
            raise OrderExists(field="reference" if row.reference else "id")
        if known.request != row.request:
            raise OrderKeyReused
        return known


async def note(desk: Desk, tx: Tx, before: OrderRow, at: datetime) -> None:
    """Tell the world if an order's status is another one now."""
    after = await store.touch(tx, before.tenant, before.mode, before.id, at)
    if after.status is not before.status:
        await desk.outbox.append(tx, of_order(desk.ids, after.status.value, after))


def _number(order: str) -> UUID:
    try:
        return read(PREFIX, order)
    except MalformedId:
        raise UnknownOrder from None
