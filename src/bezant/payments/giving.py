"""Money given back that nobody here has asked for: at the provider's dashboard, or by the provider
itself. It is a fact like any other, so it becomes a refund of its payment.

An event says only that there is something to look at: the provider is asked for every refund of the
charge, so it does not matter in which order events come, or who sent them.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from bezant import ids, telemetry
from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated
from bezant.errors import BezantError
from bezant.money import Money
from bezant.payments.attempt import Operation
from bezant.payments.codes import (
    ENDED_NUMBERS,
    OPERATION_NUMBERS,
    REFUND_STATE_NUMBERS,
    Ended,
    Kind,
)
from bezant.payments.exchanging import Heard
from bezant.payments.parts import Parts
from bezant.payments.port import ATTEMPTS_MAX, NotInThisState, PaymentBusy, TooManyAttempts
from bezant.payments.refund import RefundState
from bezant.payments.refund_work import refund_work
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.returning import Returning
from bezant.payments.rules import MOVEMENT_CHARACTERS_MAX, payment_of
from bezant.payments.store import due, read, write
from bezant.payments.store import refund as stored
from bezant.payments.taking import WHY
from bezant.payments.work import Work, follow_up_of
from bezant.psp.port import ListsRefunds, ProviderUnavailable, RefundNews, Result

_log = telemetry.log("payments")
ELSEWHERE: Final = "given_elsewhere"
"""Why a refund that waited for somebody's agreement ended: its money was given back elsewhere."""
_REFUND: Final = OPERATION_NUMBERS[Operation.REFUND]
WorkOf = Callable[[due.DueRow], Awaitable[Work]]


class Giving:
    """Believes refunds nobody here has asked for."""

    def __init__(self, parts: Parts, returning: Returning, work_of: WorkOf) -> None:
        self._parts = parts
        self._returning = returning
        self._work_of = work_of

    async def look(self, charge: Work) -> list[UUID]:
        """Ask for every refund of a charge, believe what was given elsewhere, and return the
        refunds that are new: they are to be booked.
        """
        parts = self._parts
        connector = parts.connectors[charge.provider]
        if not isinstance(connector, ListsRefunds) or not charge.reference:
            return []
        step = follow_up_of(charge, parts.clock.now())
        answer = await parts.vault.send(connector.ask_refunds(step))
        listed = connector.listed_refunds(step, answer)
        if listed is None:
            raise ProviderUnavailable(retry_after_seconds=AGAIN_SECONDS)
        taken = [await self.take(charge.facts.id, one) for one in listed]
        return [one for one in taken if one is not None]

    async def take(self, payment: UUID, news: RefundNews) -> UUID | None:
        """Take a refund as the provider has it, and return its attempt if it is new to us."""
        known = await self._known(payment, news)
        if known is not None:
            if known.result is not None:  # What has not ended is asked about by itself.
                work = await self._work_of(known)
                if news.verdict.amount not in (None, work.amount):
                    # Of a part nobody can tell what became of the rest: somebody has to look.
                    told = str(news.verdict.amount)
                    _log.error("refund.differs", attempt=work.key, amount=told)
                    return None
                work.answers = False
                await self._returning.conclude(work, Heard(news.verdict))
            return None
        # One that failed before we heard of it has moved nothing in the end.
        if news.verdict.result is not Result.REFUNDED or not news.part:
            return None
        return await self._given(payment, news)

    async def _known(self, payment: UUID, news: RefundNews) -> due.DueRow | None:
        """Find a refund of this payment: ours by our key, any other by the provider's name."""
        database = self._parts.database
        named = attempt_in(news.attempt)
        if named is not None and payment_of(named) == payment:
            found = await due.one(database, named)
            if found is not None and found.operation == _REFUND:
                return found
        for one in await read.attempts(database, payment):
            if one.operation == _REFUND and one.part == news.part:
                return await due.one(database, one.id)
        return None

    async def _given(self, payment: UUID, news: RefundNews) -> UUID | None:
        parts, amount = self._parts, news.verdict.amount
        row = await read.payment(parts.database, payment)
        assert row is not None, "who names a payment has found it"
        legible = amount is not None and amount.asset == row.money and amount.minor > 0
        if amount is None or not legible or len(news.part) > MOVEMENT_CHARACTERS_MAX:
            _log.error("refund.unreadable", payment=f"pay_{payment.hex}", part=news.part)
            return None
        if not row.captured:  # First it has to be known that it was taken.
            if row.busy:
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            raise NotInThisState(facts={"state": row.state_named.value})
        if row.attempts >= ATTEMPTS_MAX:
            raise TooManyAttempts
        now = parts.clock.now()
        refund = _row(row, parts.ids.uuid(), amount, news.part, now)
        work = await refund_work(parts, row, refund, None)
        work.why = WHY
        try:
            if not await self._stored(work, row, refund, news):
                return None
        except ConstraintViolated as error:
            if not stored.is_counted_twice(error):
                raise
            # It is a refund of another payment already: only one of the two can be true.
            _log.error("refund.of_two_payments", payment=f"pay_{payment.hex}", movement=news.part)
            return None
        _log.warn("refund.given_elsewhere", attempt=work.key, amount=str(amount))
        parts.told()
        return work.attempt

    async def _stored(
        self, work: Work, seen: read.PaymentRow, refund: stored.RefundRow, news: RefundNews
    ) -> bool:
        now = work.sent_at
        ending = write.Ending(
            result=ENDED_NUMBERS[Ended.REFUNDED],
            reference=news.verdict.reference,
            part=news.part,
        )
        async with self._parts.database.transaction() as tx:
            row = await read.locked(tx, seen.id)
            if row is None or row.attempts != seen.attempts:
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            if await stored.is_known(tx, seen.id, news.part):
                return False
            ours = await stored.open_of(tx, seen.id)
            if any(_may_be(one, work.amount, news.part) for one in ours):
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            for one in ours:
                if one.sent == news.part:  # The same movement, which now needs nobody's agreement.
                    await _give_way(tx, one, now)
            if not await stored.set_aside(tx, seen.id, work.amount.minor, work.number):
                await _make_room(tx, work, now)
            await stored.add(tx, refund)
            await write.add_attempt(tx, work, now)
            await write.end(tx, work.attempt, ending, now, refused=0)
            await stored.add_step(
                tx, refund, Kind.REFUND_SUCCEEDED, RefundState.SUCCEEDED, now, work.number
            )
        return True


async def _make_room(tx: Tx, work: Work, now: datetime) -> None:
    """Count a refund for which less is left than it gave: facts come before wishes.

    Refunds that only wait for somebody's agreement give way. While one of ours is on its way nobody
    knows whether it is given, so that is waited for.
    """
    payment, amount = work.facts.id, work.amount.minor
    waiting = await stored.open_of(tx, payment)
    for one in waiting:
        if one.state is not RefundState.NEEDS_APPROVAL:
            continue
        await _give_way(tx, one, now)
        if await stored.set_aside(tx, payment, amount, work.number):
            return
    if any(one.state is not RefundState.NEEDS_APPROVAL for one in waiting):
        raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
    # Given back twice, or while it was disputed: the book has it, and somebody has to look.
    _log.error("refund.too_much", attempt=work.key, payment=work.facts.spelled)
    await stored.take_what_is_left(tx, payment, amount, work.number)


async def _give_way(tx: Tx, waiting: stored.RefundRow, now: datetime) -> None:
    """End a refund that only waits for somebody's agreement."""
    await stored.change(tx, waiting.id, RefundState.REJECTED, now, failure=ELSEWHERE)
    await stored.count_again(tx, waiting.payment)
    await stored.add_step(tx, waiting, Kind.REFUND_REJECTED, RefundState.REJECTED, now, 0)


def _may_be(ours: stored.RefundRow, amount: Money, part: str) -> bool:
    """Tell whether a refund of ours may be the very one that was told of: it is on its way, and
    nobody knows yet what the provider calls it. Not everybody who tells of ours names our key.
    """
    if ours.state is RefundState.NEEDS_APPROVAL or ours.reference:
        return False
    return ours.money == amount or ours.sent == part


def attempt_in(key: str) -> UUID | None:
    """Read a key of ours; nothing if it is none."""
    try:
        return ids.read("att", key)
    except BezantError:
        return None


def _row(
    row: read.PaymentRow, refund: UUID, amount: Money, part: str, now: datetime
) -> stored.RefundRow:
    return stored.RefundRow(
        id=refund,
        payment=row.id,
        tenant=row.tenant,
        created_at=now,
        updated_at=now,
        number=REFUND_STATE_NUMBERS[RefundState.SUCCEEDED],
        attempt=row.attempts + 1,
        live=row.live,
        amount=Decimal(amount.minor),
        requested_by=row.provider or "",
        approval=None,
        reason=None,
        failure=None,
        metadata=None,
        sent=None,
        provider=row.provider,
        movement=part,
        asset=row.asset,
        exponent=row.exponent,
        reference=None,
    )
