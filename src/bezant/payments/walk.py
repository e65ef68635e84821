"""The walk: looks after every attempt that has not ended, until it knows how it did.

A process may die anywhere; what it was doing is a row that becomes due. Whoever takes it over
counts its fence up and asks the provider by the attempt's key. Nothing is ever sent a second time:
a charge that never arrived is told so, once the provider can be believed to know nothing of it.
"""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.errors import BezantError
from bezant.money import Money
from bezant.payments.attempt import Operation
from bezant.payments.booking import Booked
from bezant.payments.codes import ENDED_NUMBERS, GIVEN, OPERATIONS, Ended, Waiting
from bezant.payments.concluding import Conclusions
from bezant.payments.exchanging import Exchanges, Heard
from bezant.payments.following import Following
from bezant.payments.overruling import Overruling
from bezant.payments.parts import Parts
from bezant.payments.paying import saved_facts
from bezant.payments.returning import Returning
from bezant.payments.rules import payment_of
from bezant.payments.store import due, read
from bezant.payments.work import Work

_log = telemetry.log("payments")
LEASE: Final = timedelta(seconds=30)  # A question takes twenty at most.
ROUND_MAX: Final = 50  # Looked after at once; the next tick comes in a second.
BOOK_AGAIN: Final = timedelta(seconds=15)
EXPIRE_AGAIN: Final = timedelta(hours=1)
_CAME_BACK: Final = ENDED_NUMBERS[Ended.CAME_BACK]
_GIVEN_LATE: Final = ENDED_NUMBERS[Ended.GIVEN_LATE]


class Walk:
    """One walker of one process. Any number of them may walk."""

    def __init__(
        self,
        parts: Parts,
        exchanges: Exchanges,
        conclusions: Conclusions,
        following: Following,
        returning: Returning,
    ) -> None:
        self._parts = parts
        self._exchanges = exchanges
        self._conclusions = conclusions
        self._following = following
        self._returning = returning
        self._overruling = Overruling(parts, conclusions)

    async def step(self) -> int:
        """Look after what is due, and return how many there were."""
        parts = self._parts
        now = parts.clock.now()
        async with parts.database.transaction() as tx:
            rows = await due.claim(tx, now, now + LEASE, ROUND_MAX)
        await asyncio.gather(*(self._looked_after(row) for row in rows))
        return len(rows)

    async def _looked_after(self, row: due.DueRow) -> None:
        try:
            await self._look_after(row)
        except BezantError as error:
            _log.warn("attempt.waits", attempt=f"att_{row.attempt.hex}", code=error.code)

    async def expire(self) -> int:
        """Let go of authorizations whose time is over, and return how many there were."""
        parts = self._parts
        found = await due.expired(parts.database, parts.clock.now(), ROUND_MAX)
        for payment in found:
            now = parts.clock.now()
            async with parts.database.transaction() as tx:
                # Should it not go through, it is tried again later: not in every round.
                if not await due.postpone_expiry(tx, payment, now, now + EXPIRE_AGAIN):
                    continue
            try:
                await self._following.expire(payment)
            except BezantError as error:
                _log.warn("expiry.waits", payment=f"pay_{payment.hex}", code=error.code)
        return len(found)

    async def ask_about(self, attempt: UUID) -> Heard | None:
        """Ask about one attempt now, and return what was heard: something was told of it."""
        row = await due.one(self._parts.database, attempt)
        return None if row is None else await self._look_after(row, answers=False)

    async def _look_after(self, row: due.DueRow, *, answers: bool = True) -> Heard | None:
        work = await self.work(row)
        work.answers = answers
        if work.waiting is Waiting.UNBOOKED:
            await self._book(work, row)
            return None
        ended = row.result is not None
        heard = await self._exchanges.ask(work, finishes=not ended)
        if work.operation is Operation.REFUND:
            await self._returning.conclude(work, heard)
        elif ended or await self._conclusions.conclude(work, heard) is None:
            await self._overruling.heard(work, heard)
        return heard

    async def work(self, row: due.DueRow) -> Work:
        """Return an attempt as work, with its payment as it stands."""
        parts = self._parts
        payment = await read.payment(parts.database, payment_of(row.attempt))
        assert payment is not None, "an attempt has a payment"
        operation = OPERATIONS[row.operation]
        charge = operation is Operation.CHARGE
        known = row.known_reference or ""
        return Work(
            attempt=row.attempt,
            facts=payment.facts(),
            before=payment.standing(),
            operation=operation,
            provider=row.provider,
            amount=Money(int(row.amount), payment.money),
            sent_at=row.sent_at,
            why=row.why,
            card=row.card or "",
            ends=row.ends,
            request=row.request,
            refund=row.refund,
            sent=row.sent or "",
            saved=payment.payers_side or await saved_facts(parts, row.card or ""),
            reference=known if charge else payment.reference or "",
            part=row.known_part or ("" if charge else payment.part or ""),
            fence=row.fence,
            asked=row.asked,
            waiting=Waiting(row.waiting) if row.waiting else Waiting.SENT,
        )

    async def _book(self, work: Work, row: due.DueRow) -> None:
        """Book money that the book would not take when it moved."""
        parts = self._parts
        booked = await self._booked(work, row)
        async with parts.database.transaction() as tx:
            if booked is Booked.YES:
                await due.booked(tx, work.attempt, work.fence, row.result)
                return
            again = row.asked + (booked is Booked.REFUSED)
            due_at = parts.clock.now() + BOOK_AGAIN
            await due.not_booked(tx, work.attempt, work.fence, row.result, again, due_at)

    async def _booked(self, work: Work, row: due.DueRow) -> Booked:
        booking = self._parts.booking
        asset = work.amount.asset
        if row.result == _CAME_BACK:
            return await booking.came_back(work, row.asked)
        if row.result == _GIVEN_LATE:
            return await booking.given_late(work, row.asked)
        if work.operation is Operation.REFUND:
            given = row.result in GIVEN
            return await self._returning.booked(work, given=given, again=row.asked)
        moved = Money(int(row.moved), asset) if row.moved is not None else work.amount
        fee = Money(int(row.fee or 0), asset)
        return (await booking.captured(work, moved, fee, row.asked))[0]
