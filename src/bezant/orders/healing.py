"""Money taken, no order: after the window it is let go or given back by itself, with evidence.

Each step is stored before it is taken, and taken under a key of its own: killed in between, the
next round takes it again and nothing happens twice. From the moment giving back begins no order
takes the payment any more.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.actor import Actor, Caller
from bezant.errors import BezantError, Unavailable
from bezant.money import Money
from bezant.orders.following import has_money, join, settled
from bezant.orders.ordering import Desk
from bezant.orders.store import fact
from bezant.orders.store import order as store
from bezant.orders.store.fact import FactRow
from bezant.orders.telling import of_payment
from bezant.payments.port import (
    ChangePayment,
    Payment,
    Payments,
    PaymentState,
    RefundState,
    RequestRefund,
    VoidPayment,
)

AT_ONCE_MAX: Final = 100
AGAIN_AFTER: Final = timedelta(seconds=60)
REASON: Final = "paid without an order"
REFUND: Final = "refund "
NOTE: Final = "without_order"
"""The metadata key of a payment under which its evidence stands."""
_log = telemetry.log("orders")


class Healing:
    """Looks after payments whose time without an order is over."""

    def __init__(self, desk: Desk, payments: Payments) -> None:
        self._desk = desk
        self._payments = payments

    async def heal(self) -> int:
        """Take the next step with each payment that is due; returns how many were."""
        async with self._desk.database.transaction() as tx:
            due = await fact.due(tx, self._desk.clock.now(), AT_ONCE_MAX)
        for payment in due:
            row = await self._begin(payment)
            if row is not None:
                await self._give_back(row)
        return len(due)

    async def _begin(self, payment: str) -> FactRow | None:
        """Store that this money goes back, unless an order has come or nothing is left of it."""
        now = self._desk.clock.now()
        async with self._desk.database.transaction() as tx:
            seen = await fact.lock(tx, payment)
        if seen is None:
            return None
        async with self._desk.database.transaction() as tx:
            await store.hold_names(tx, seen.tenant, seen.mode, (seen.said,))
            row = await fact.lock(tx, payment)
            if row is None or row.due_at is None or row.due_at > now:
                return None
            if await join(self._desk, tx, row):
                return None
            if not has_money(row):
                await settled(self._desk, tx, row)
                return None
            row = replace(row, giving_back=True, due_at=now + AGAIN_AFTER)
            await fact.put(tx, row)
        return row

    async def _give_back(self, row: FactRow) -> None:
        try:
            evidence, stuck = await self._step(row)
        except Unavailable:
            return  # Next time.
        except BezantError as refusal:
            evidence, stuck = f"refused: {refusal.code}", True
        if not evidence:
            return
        async with self._desk.database.transaction() as tx:
            now = await fact.lock(tx, row.payment)
            if now is None or now.evidence == evidence:
                return
            now = replace(now, evidence=evidence)
            await fact.put(tx, now)
            if stuck:
                await self._desk.outbox.append(tx, of_payment(self._desk.ids, "stuck", now))
        if stuck:
            _log.error("payment.without_order", payment=row.payment, evidence=evidence)

    async def _step(self, row: FactRow) -> tuple[str, bool]:
        """Let money go, or give it back; return the evidence, and whether somebody has to look."""
        if row.evidence.startswith(REFUND):
            return await self._asked_for(row)
        payment = await self._payments.payment(row.tenant, row.mode, row.payment)
        key = f"without-order:{row.payment}"
        if payment.state in (PaymentState.AUTHORIZED, PaymentState.PARTLY_CAPTURED):
            payment = await self._payments.void(
                VoidPayment(f"{key}:void", row.tenant, row.mode, row.payment, REASON)
            )
            await self._note(row, "voided")
            return "voided", False
        asked = payment.refunds_awaiting or Money(0, payment.amount.asset)
        if payment.captured <= payment.refunded + asked or not _is_settled(payment):
            return "", False
        refund = await self._payments.request_refund(
            RequestRefund(
                f"{key}:refund",
                row.tenant,
                row.mode,
                row.payment,
                Actor(Caller.MODULE, "orders", row.tenant, row.mode, frozenset({"refunds.write"})),
                reason=REASON,
            )
        )
        evidence = f"{REFUND}{refund.id}"
        await self._note(row, evidence)
        return evidence, False

    async def _asked_for(self, row: FactRow) -> tuple[str, bool]:
        """See what became of a refund; one that came to nothing is somebody's work."""
        refund = await self._payments.refund(
            row.tenant, row.mode, row.evidence.removeprefix(REFUND).partition(" ")[0]
        )
        if refund.state not in (RefundState.FAILED, RefundState.REJECTED):
            return "", False
        return f"{REFUND}{refund.id} {refund.state}", True

    async def _note(self, row: FactRow, evidence: str) -> None:
        change = ChangePayment(row.tenant, row.mode, row.payment, metadata={NOTE: evidence})
        await self._payments.change(change)


def _is_settled(payment: Payment) -> bool:
    """Tell whether a payment's last step is known: what is under way is waited for."""
    return payment.state not in (PaymentState.PROCESSING, PaymentState.UNKNOWN)
