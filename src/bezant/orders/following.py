"""What the payments' feed tells becomes facts, and facts become the status of orders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from bezant import telemetry
from bezant.db.database import Tx
from bezant.events import Event, FedEvent
from bezant.ids import MalformedId, read
from bezant.money import Money
from bezant.orders import rules
from bezant.orders.ordering import Desk, note
from bezant.orders.store import checkout, fact
from bezant.orders.store import order as store
from bezant.orders.store.fact import FactRow
from bezant.orders.telling import PREFIX, of_payment

_log = telemetry.log("orders")
FOLLOWER: Final = "orders"
FEED: Final = "payments"
HOLDING: Final = frozenset({"authorized", "partly_captured", "processing", "unknown"})
"""The states of a payment in which money is set aside, as far as anybody knows: while a provider is
still at a capture or a void it is, and at a first charge nothing was authorized yet.
"""
GIVEN_BACK: Final = "refund.succeeded"
CAME_BACK: Final = "refund.came_back"
"""A refund that was given, and that the payer's bank did not take: it is paid again."""
MONEY_CAME: Final = frozenset({"payment.authorized", "payment.captured"})
"""What is told of payments that may have been given up before, and their link's use with them."""
NOTHING_CAME: Final = frozenset(
    {"payment.declined", "payment.failed", "payment.voided", "payment.expired"}
)
"""What is told of payments that may have been a payer's try by a link."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one event tells of its payment."""

    payment: str
    order: str
    held: Money | None
    """Events about refunds and disputes do not tell it."""
    paid: Money
    refunded: Money
    """Given back by this very event; less than nothing where it came back. Payments tell a sum too,
    but it counts what is only asked for: an order is not refunded while somebody still has to
    approve it.
    """
    disputed: Money


class Following:
    """Handles each event of the payments' feed once."""

    def __init__(self, desk: Desk, window: timedelta, *, always: bool) -> None:
        self._desk = desk
        self._window = window
        self._always = always

    async def handle(self, tx: Tx, fed: FedEvent) -> None:
        """Take what an event tells of a payment that names an order."""
        event = fed.event
        if event.type in NOTHING_CAME:
            await checkout.note_look(tx, event.subject, self._desk.clock.now())
        if not (self._always or event.data.get("order")):
            return
        told = told_by(event)
        if told is None:
            return
        if event.type in MONEY_CAME and await checkout.use_again(tx, told.payment) is False:
            # It is paid, and so is what it pays for: one more than the link was made for.
            _log.error("link.paid_too_often", payment=told.payment, order=told.order)
        await store.hold_names(tx, event.tenant, event.mode, (told.order,))
        before = await fact.lock(tx, told.payment)
        held = Decimal(0) if before is None else before.held
        row = replace(
            before or _unknown(event, told),
            said=told.order,
            asset=told.paid.asset.code,
            held=held if told.held is None else Decimal(told.held.minor),
            paid=Decimal(told.paid.minor),
            refunded=told.refunded.minor + (Decimal(0) if before is None else before.refunded),
            disputed=Decimal(told.disputed.minor),
            updated_at=event.occurred_at,
        )
        if not await join(self._desk, tx, row):
            await self._without_order(tx, row)

    async def _without_order(self, tx: Tx, row: FactRow) -> None:
        if row.giving_back:
            if row.due_at is None and has_money(row):
                # What was told to be given back is here again: it is looked at now.
                row = replace(
                    row, due_at=row.updated_at, begun_at=row.updated_at, evidence="", stuck=False
                )
            elif row.due_at is not None and not has_money(row):
                row = replace(row, due_at=row.updated_at)  # Healing writes the evidence, and tells.
            await fact.put(tx, row)
            return
        needed = rules.needs_order(row.said, always=self._always)
        if needed and row.due_at is None and has_money(row):
            row = replace(row, due_at=row.updated_at + self._window)
            await self._desk.outbox.append(tx, of_payment(self._desk.ids, "missing", row))
        await fact.put(tx, row)


def told_by(event: Event) -> Told | None:
    """Read an event of the payments' feed; what is about no payment is nothing to us."""
    data = event.data
    if not isinstance(payment := data.get("payment"), str):
        return None
    paid = _money(data["captured"])
    back = Money(0, paid.asset)
    if event.type in (GIVEN_BACK, CAME_BACK):
        amount = _money(data["amount"])
        back = amount if event.type == GIVEN_BACK else -amount
    held: Money | None = None
    if data.get("object") == "payment":
        nothing = Money(0, paid.asset)
        authorized = _money(data["authorized"])
        held = authorized - paid if data.get("state") in HOLDING else nothing
    order = data.get("order")
    return Told(
        payment,
        order if isinstance(order, str) else "",
        held,
        paid,
        back,
        _money(data["disputed"]),
    )


async def join(desk: Desk, tx: Tx, row: FactRow) -> bool:
    """Store the facts of a payment with the order it names; False if there is none to take it."""
    if row.giving_back:
        return False
    order = await store.named(tx, row.tenant, row.mode, row.asset, _order_id(row.said), row.said)
    if order is None:
        return False
    await fact.put(tx, replace(row, order_id=order.id, due_at=None))
    await note(desk, tx, order, row.updated_at)
    return True


async def settled(desk: Desk, tx: Tx, row: FactRow) -> None:
    """Store that nothing of a payment without an order is left, and tell it."""
    row = replace(row, due_at=None)
    await desk.outbox.append(tx, of_payment(desk.ids, "given_back", row))
    await fact.put(tx, row)


def _unknown(event: Event, told: Told) -> FactRow:
    """Return what is known of a payment before anything was told."""
    zero = Decimal(0)
    return FactRow(
        told.payment, event.tenant, event.mode, told.order, None, told.paid.asset.code,
        zero, zero, zero, zero, event.occurred_at, None, giving_back=False, evidence="",
    )  # fmt: skip


def has_money(row: FactRow) -> bool:
    """Tell whether a payer's money is with us, set aside or taken."""
    return row.held > 0 or row.paid > row.refunded


def _money(told: object) -> Money:
    amount = cast("Mapping[str, str]", told)
    return Money.parse(amount["amount"], amount["asset"])


def _order_id(said: str) -> UUID | None:
    try:
        return read(PREFIX, said)
    except MalformedId:
        return None
