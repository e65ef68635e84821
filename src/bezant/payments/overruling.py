"""Facts of money win: a charge that was thought dead, and of which a provider says that it took the
money after all, is booked and its payment goes on from there.

Where the payment has no room for it, because another charge took its place, it was taken twice:
`beside.py` looks after it.
"""

from datetime import datetime
from typing import Final

import msgspec

from bezant import telemetry
from bezant.money import Money
from bezant.payments import judging
from bezant.payments.attempt import Operation
from bezant.payments.beside import Beside
from bezant.payments.booking import Booked
from bezant.payments.codes import ENDED_NUMBERS, STATE_NUMBERS, Ended
from bezant.payments.concluding import Conclusions
from bezant.payments.exchanging import Heard
from bezant.payments.judging import KINDS, Judgement
from bezant.payments.parts import Parts
from bezant.payments.port import PaymentBusy
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.store import due, read, write
from bezant.payments.told import microseconds
from bezant.payments.work import Work

_log = telemetry.log("payments")
_NO: Final = frozenset(
    ENDED_NUMBERS[one] for one in (Ended.VOIDED, Ended.DECLINED, Ended.NOT_REACHED, Ended.RUN_OUT)
)


class Overruling:
    """Takes back a no that turned out to be a yes."""

    def __init__(self, parts: Parts, conclusions: Conclusions) -> None:
        self._parts = parts
        self._conclusions = conclusions
        self._beside = Beside(parts)

    async def heard(self, work: Work, heard: Heard) -> bool:
        """Believe money that a provider says it has; false if there is nothing to believe."""
        parts, now = self._parts, self._parts.clock.now()
        if work.operation not in (Operation.CHARGE, Operation.CAPTURE):
            return False
        judgement = judging.judged(work, heard.verdict, now, 0)
        # The payment first: a no that still stands after it was read has not filled it meanwhile.
        row = await read.payment(parts.database, work.facts.id)
        found = await due.one(parts.database, work.attempt)
        said_no = found is not None and found.result in _NO
        ended = judgement.ended
        if not said_no or ended is None or ended not in (Ended.AUTHORIZED, Ended.CAPTURED):
            return False
        if row is None or row.busy:
            raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
        if not _fits(work, row, judgement):
            await self._beside.taken(work, heard.verdict, judging.moved(work, judgement))
            return False
        fee = await self._fee(work, judgement)
        if not await self._written(work, heard, judgement, fee, now):
            return False
        _log.warn("payment.overruled", attempt=work.key, result=ended.value)
        parts.told()
        booked, _ = await self._conclusions.booked(work, judgement, fee)
        if booked is Booked.YES:  # Else the walk has it booked.
            async with parts.database.transaction() as tx:
                await due.booked(tx, work.attempt, 0, ENDED_NUMBERS[ended])
        return True

    async def _fee(self, work: Work, judgement: Judgement) -> Money:
        """Return the fee as it is in the book already, or as it will be."""
        if judgement.captured:
            moved = judging.moved(work, judgement)
            before = await self._parts.booking.fee_before(work, moved)
            if before is not None:
                return before
        return await self._conclusions.fee(work, judgement)

    async def _written(
        self, work: Work, heard: Heard, judgement: Judgement, fee: Money, now: datetime
    ) -> bool:
        """Write the yes over the no, unless the payment went on meanwhile. What is not written is
        not booked: a payment that went on may have no room for it, and then it is booked otherwise.
        """
        assert judgement.ended is not None, "it has ended"
        moved = judgement.captured or judgement.authorized
        payment = work.facts.id
        async with self._parts.database.transaction() as tx:
            row = await read.locked(tx, payment)
            state = None if row is None else judgement.state(row.state_named)
            if row is None or state is None or row.busy or not _fits(work, row, judgement):
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            if not await write.overrule(
                tx,
                work.attempt,
                now,
                ENDED_NUMBERS[judgement.ended],
                None if moved == work.amount.minor else moved,
                fee.minor,
                heard.verdict.reference or work.reference,
                heard.verdict.part,
                heard.digest,
            ):
                return False
            standing = msgspec.structs.replace(
                row.standing(), state=STATE_NUMBERS[state], updated_at=microseconds(now)
            )
            await write.add_money(tx, payment, judgement.authorized, judgement.captured, fee.minor)
            await write.change(tx, payment, standing, now)
            await write.add_step(
                tx, payment, KINDS[judgement.event], now, work.number,
                amount=judgement.captured or None,
            )  # fmt: skip
            if judgement.captured:
                await due.add_unbooked(tx, work.attempt, now, 0)
        return True


def _fits(work: Work, row: read.PaymentRow, judgement: Judgement) -> bool:
    """Tell whether a payment has room for this money."""
    if judgement.state(row.state_named) is None:
        return False
    if work.operation is Operation.CHARGE:
        return row.charge == work.number
    return row.captured + judgement.captured <= row.authorized
