"""Money taken, no order: after the window it is let go or given back by itself, with evidence.

Each step is stored before it is taken, and taken under a key of its own: killed in between, the
next round takes it again and nothing happens twice. One that came to nothing is tried again under
another key, later each time, and not for ever: a payment takes only so many tries, and whoever is
called needs some of them. From the moment giving back begins no order takes the payment any more;
the evidence is written when the money is gone, and not before.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bezant import telemetry
from bezant.actor import Actor, Caller
from bezant.errors import BezantError, Conflict, Unavailable
from bezant.money import Money
from bezant.orders.following import has_money, join, settled
from bezant.orders.ordering import Desk, own_key
from bezant.orders.store import fact
from bezant.orders.store import order as store
from bezant.orders.store.fact import FactRow
from bezant.orders.telling import of_payment
from bezant.payments.port import (
    NEVER_ARRIVED,
    PROVIDER_UNAVAILABLE,
    ChangePayment,
    Payment,
    Payments,
    PaymentState,
    Refund,
    RefundState,
    RequestRefund,
    VoidPayment,
)

AT_ONCE_MAX: Final = 100
AGAIN_AFTER: Final = timedelta(seconds=60)
AGAIN_AFTER_MAX: Final = timedelta(days=1)
TRIES_MAX: Final = 20  # Of the attempts a payment has, all others are its merchant's.
ALARM_TRIES: Final = 3  # A provider that hiccups once is nobody's work.
ALARM_AFTER: Final = timedelta(hours=1)
REASON: Final = "paid without an order"
NOTE: Final = "without_order"
"""The metadata key of a payment under which its evidence stands."""
_NOT_DONE: Final = frozenset({NEVER_ARRIVED, PROVIDER_UNAVAILABLE})
"""Why a step came to nothing though nobody said no."""
_TRIED_AGAIN: Final = _NOT_DONE | {"declined"}
_SET_ASIDE: Final = (PaymentState.AUTHORIZED, PaymentState.PARTLY_CAPTURED)
_LET_GO: Final = (PaymentState.VOIDED, PaymentState.EXPIRED)
_UNDER_WAY: Final = (PaymentState.PROCESSING, PaymentState.UNKNOWN)
_log = telemetry.log("orders")


@dataclass(frozen=True, slots=True)
class _Step:
    """What a step came to."""

    refund: str
    """The refund that was asked for last."""
    again: bool = False
    """The next one needs a key of its own: this one was answered, and is not the end."""
    failed: str = ""
    stuck: bool = False
    """Somebody has to look, however often it is tried."""


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
                await self._look_after(row)
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
            if not row.giving_back and not has_money(row):
                await settled(self._desk, tx, row)
                return None
            row = replace(
                row,
                giving_back=True,
                begun_at=row.begun_at or now,
                due_at=now + pause(row.tries),
            )
            await fact.put(tx, row)
        return row

    async def _look_after(self, row: FactRow) -> None:
        try:
            if has_money(row):
                step = await self._give_back(row)
            else:
                await self._end(row)
                return
        except (Unavailable, Conflict):
            step = _Step(row.refund)  # The same again, under the same key.
        except BezantError as refusal:
            failed = f"refused: {refusal.code}"
            step = _Step(row.refund, again=True, failed=failed, stuck=True)
        await self._note(row, step, self._desk.clock.now())

    async def _give_back(self, row: FactRow) -> _Step:
        """Let money go, or ask for a refund, or see what became of one."""
        asked = await self._asked(row)
        if asked is not None and asked.state is not RefundState.SUCCEEDED:
            return _so_far(asked)
        if row.tries >= TRIES_MAX:
            return _Step(row.refund, stuck=True)  # It is seen when somebody has given it back.
        payment = await self._payments.payment(row.tenant, row.mode, row.payment)
        if payment.state in _SET_ASIDE:
            payment = await self._payments.void(
                VoidPayment(_key(row, "void"), row.tenant, row.mode, row.payment, REASON)
            )
            if payment.state in _SET_ASIDE or payment.state in _UNDER_WAY:
                failed = payment.failure and f"void {payment.failure}"
                stuck = bool(failed) and payment.failure not in _NOT_DONE
                return _Step(row.refund, True, failed, stuck)
        return await self._refund(row, payment, asked)

    async def _refund(self, row: FactRow, payment: Payment, before: Refund | None) -> _Step:
        waiting = payment.refunds_awaiting or Money(0, payment.amount.asset)
        going = payment.refunded + payment.disputed + waiting
        if payment.captured <= going or payment.state in _UNDER_WAY:
            return _Step(row.refund)  # What is under way is waited for, and then it is told.
        if before is not None:
            return _Step("", again=True)  # More was taken since: that is a refund of its own.
        refund = await self._payments.request_refund(
            RequestRefund(
                _key(row, "refund"),
                row.tenant,
                row.mode,
                row.payment,
                Actor(Caller.MODULE, "orders", row.tenant, row.mode, frozenset({"refunds.write"})),
                reason=REASON,
            )
        )
        return _so_far(refund)

    async def _asked(self, row: FactRow) -> Refund | None:
        """Return the refund that was asked for last."""
        if not row.refund:
            return None
        return await self._payments.refund(row.tenant, row.mode, row.refund)

    async def _note(self, row: FactRow, step: _Step, at: datetime) -> None:
        """Store what a step came to, and call somebody if it does not come to an end."""
        async with self._desk.database.transaction() as tx:
            now = await fact.lock(tx, row.payment)
            if now is None or now.tries != row.tries or now.begun_at is None:
                return  # Somebody else has noted it.
            tries = now.tries + step.again
            stuck = step.stuck or tries >= ALARM_TRIES or at - now.begun_at >= ALARM_AFTER
            alarm = stuck and has_money(now) and not now.stuck
            evidence = step.failed or now.evidence
            now = replace(
                now,
                tries=tries,
                refund=step.refund,
                due_at=at + pause(tries) if has_money(now) else at,
                evidence=(evidence or "unfinished") if alarm else evidence,
                stuck=alarm or now.stuck,
            )
            await fact.put(tx, now)
            if alarm:
                await self._desk.outbox.append(tx, of_payment(self._desk.ids, "stuck", now))
        if alarm:
            _log.error("payment.without_order", payment=row.payment, evidence=now.evidence)

    async def _end(self, row: FactRow) -> None:
        """Nothing of it is left: write how it went, on the payment and in an event."""
        payment = await self._payments.payment(row.tenant, row.mode, row.payment)
        there = payment.captured > payment.refunded + payment.disputed
        if there or payment.state in _UNDER_WAY:
            return  # It is not gone, or may not be: more will be told.
        asked = await self._asked(row)
        if payment.state in _LET_GO:
            evidence = payment.state.value
        elif asked is not None and asked.state is RefundState.SUCCEEDED:
            evidence = f"refund {asked.id}"
        else:
            evidence = "refunded"  # By somebody else.
        change = ChangePayment(row.tenant, row.mode, row.payment, metadata={NOTE: evidence})
        try:
            await self._payments.change(change)
        except (Unavailable, Conflict):
            raise
        except BezantError as refusal:  # Its merchant has noted as much there as is possible.
            _log.warn("payment.not_noted", payment=row.payment, code=refusal.code)
        async with self._desk.database.transaction() as tx:
            now = await fact.lock(tx, row.payment)
            if now is not None and now.due_at is not None and not has_money(now):
                await settled(self._desk, tx, replace(now, evidence=evidence))


def _so_far(refund: Refund) -> _Step:
    """Tell what a refund has come to; one that is on its way is waited for."""
    if refund.state not in (RefundState.FAILED, RefundState.REJECTED):
        return _Step(refund.id)
    why, again = f"refund {refund.id} {refund.state.value}", refund.failure in _TRIED_AGAIN
    # One that came back is not sent again: the payer's bank would not take it either.
    return _Step("" if again else refund.id, again, why, stuck=refund.failure not in _NOT_DONE)


def pause(tries: int) -> timedelta:
    """Return how long to wait before the next step: longer after each that came to nothing."""
    return min(AGAIN_AFTER * 2 ** min(tries, 11), AGAIN_AFTER_MAX)


def _key(row: FactRow, what: str) -> str:
    return own_key(f"without-order:{row.payment}:{row.tries}:{what}")
