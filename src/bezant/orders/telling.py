"""Orders as the door and the feed tell them."""

from decimal import Decimal
from typing import Final

from bezant.events import Event
from bezant.ids import Ids, spell
from bezant.money import Money, asset_of
from bezant.orders.order import Order
from bezant.orders.store.fact import FactRow
from bezant.orders.store.order import OrderRow

PREFIX: Final = "ord"


def told(row: OrderRow, *, replayed: bool = False) -> Order:
    """Return an order as the door tells it."""
    return Order(
        id=spell(PREFIX, row.id),
        mode=row.mode,
        status=row.status,
        amount=money(row.amount, row.asset),
        held=money(row.held, row.asset),
        paid=money(row.paid, row.asset),
        refunded=money(row.refunded, row.asset),
        disputed=money(row.disputed, row.asset),
        reference=row.reference,
        description=row.description,
        customer=row.customer,
        metadata=row.metadata,
        payments=row.payments,
        created_at=row.created_at,
        updated_at=row.updated_at,
        replayed=replayed,
    )


def money(minor: Decimal | int, asset: str) -> Money:
    """Return stored minor units as money."""
    return Money(int(minor), asset_of(asset))


def of_order(ids: Ids, what: str, row: OrderRow) -> Event:
    """Return an event about an order."""
    return Event(
        id=ids.new("evt"),
        type=f"order.{what}",
        version=1,
        mode=row.mode,
        tenant=row.tenant,
        subject=spell(PREFIX, row.id),
        occurred_at=row.updated_at,
        data={
            "object": "order",
            "id": spell(PREFIX, row.id),
            "status": row.status.value,
            "reference": row.reference,
            "payments": list(row.payments),
            **{
                name: _amount(minor, row.asset)
                for name, minor in (
                    ("amount", row.amount),
                    ("held", row.held),
                    ("paid", row.paid),
                    ("refunded", row.refunded),
                    ("disputed", row.disputed),
                )
            },
        },
    )


def of_payment(ids: Ids, what: str, row: FactRow) -> Event:
    """Return an event about money that has no order."""
    return Event(
        id=ids.new("evt"),
        type=f"order.{what}",
        version=1,
        mode=row.mode,
        tenant=row.tenant,
        subject=row.payment,
        occurred_at=row.updated_at,
        data={
            "object": "payment",
            "id": row.payment,
            "order": row.said,
            "held": _amount(row.held, row.asset),
            "paid": _amount(row.paid, row.asset),
            "refunded": _amount(row.refunded, row.asset),
            "given_back_at": None if row.due_at is None else row.due_at.isoformat(),
            "evidence": row.evidence,
        },
    )


def _amount(minor: Decimal | int, asset: str) -> dict[str, str]:
    return {"amount": money(minor, asset).decimal(), "asset": asset}
